"""PyTorch checkpoints as named arrays. Only plain tensors are read; no code from a file is executed."""

import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np

FIRST = (
    "fc0.weight",
    "encoder1.enc1conv1.weight",
)  # the first weights of an FNO and of a U-Net identify them
_COUNTER = "num_batches_tracked"


class Tensors(dict):
    """Arrays by name that remember which of them have been used.

    Attributes:
        unused: the names that have not been looked up yet.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]):
        super().__init__(arrays)
        self.unused = set(arrays)

    def __getitem__(self, name: str) -> np.ndarray:
        self.unused.discard(name)
        return super().__getitem__(name)

    def __missing__(self, name: str) -> np.ndarray:
        raise ValueError(f"the tensor {name!r} is missing")


def read_checkpoint(path: Path, entry: str = "") -> Tensors:
    """Read the weights in a PyTorch checkpoint, under the names of the published wrapper (see `uniform_names`).

    Args:
        path: a state dict saved by torch.save, by itself or in a dictionary ({"model_state_dict": ...}).
        entry: which of several state dicts, such as "model_state_dict" or "ema.model".

    Raises:
        ValueError: the file holds more than tensors (it is then refused unread), is damaged, holds no weights of a
            known architecture, or holds several state dicts and `entry` does not choose one.
        ImportError: PyTorch is not installed (extra `convert`).
    """
    loaded = _load(path)
    try:
        return Tensors(uniform_names(_choose(_as_arrays(loaded), entry)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def uniform_names(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Name the weights as in the published wrapper: `model.*` (base solver), `PrmEmb_Pre.0.*`, `mix_emb.*`.

    Removes the prefixes that parallel training or compilation add to all names ("module."), and adds "model." to the
    names of a bare base solver.
    """
    starts = {name.removesuffix(first) for name in arrays for first in FIRST if _is_first(name, first)}
    if len(starts) != 1:
        raise ValueError(f"expected the weights of one base solver, got those at {sorted(starts)}")
    start = starts.pop()
    root = start.removesuffix("model.")
    renamed = {}
    for name, array in arrays.items():
        if name.startswith(start):
            renamed["model." + name.removeprefix(start)] = array
        else:
            renamed[name.removeprefix(root)] = array
    return {name: array for name, array in renamed.items() if not name.endswith(_COUNTER)}


def _load(path: Path) -> Any:
    """Load a file with torch.load in its safe mode, and report every failure as one line."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"reading {path} needs PyTorch: pip install torch, or 'cape-jax[convert]'"
        ) from error
    try:
        with warnings.catch_warnings(action="ignore"):  # about old formats
            return torch.load(path, weights_only=True, map_location="cpu")
    except OSError:
        raise
    except UnpicklingError as error:  # its advice to load without this protection is not repeated
        found = re.search(r"GLOBAL (\S+)", str(error))
        what = f" ({found[1]})" if found else ""
        raise ValueError(
            f"{path}: refused, as it is not a plain state dict: reading its other contents{what} would run code from "
            "the file. Ask its author for a file saved by torch.save(model.state_dict(), PATH)"
        ) from None
    except Exception as error:  # a damaged or foreign file can raise anything
        reason = str(error).split("\n")[0][:100] or type(error).__name__
        raise ValueError(f"{path}: not a PyTorch checkpoint, or a damaged one ({reason})") from None


def _choose(loaded: Any, entry: str) -> Mapping[str, np.ndarray]:
    """Find the dictionary that holds the weights, at any depth."""
    found = dict(_state_dicts(loaded))
    if entry:
        found = {key: arrays for key, arrays in found.items() if key == entry}
    if not found:
        where = f"under {entry!r}" if entry else "in it"
        top = f", found {', '.join(map(str, list(loaded)[:8]))}" if isinstance(loaded, Mapping) else ""
        raise ValueError(
            f"no weights of a known architecture {where}: expected names that end in {' or '.join(FIRST)}{top}"
        )
    if len(found) > 1:
        raise ValueError(
            f"entry: the file holds several state dicts; choose one of {', '.join(sorted(found))}"
        )
    return next(iter(found.values()))


def _state_dicts(loaded: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[str, Mapping[str, np.ndarray]]]:
    """Yield (keys joined by dots, arrays) of every dictionary that holds the weights of a base solver."""
    if not isinstance(loaded, Mapping):
        return
    arrays = {name: item for name, item in loaded.items() if isinstance(item, np.ndarray)}
    if any(_is_first(name, first) for name in arrays for first in FIRST):
        yield ".".join(keys), arrays
    for name, item in loaded.items():
        yield from _state_dicts(item, (*keys, str(name)))


def _is_first(name: Any, first: str) -> bool:
    return isinstance(name, str) and (name == first or name.endswith("." + first))


def _as_arrays(loaded: Any) -> Any:
    """Turn tensors at any depth into arrays of single precision."""
    import torch

    if isinstance(loaded, Mapping):
        return {name: _as_arrays(item) for name, item in loaded.items()}
    if not isinstance(loaded, torch.Tensor):
        return loaded
    tensor = loaded.detach()
    tensor = tensor.cfloat() if tensor.is_complex() else tensor.float()  # also from float64 or bfloat16
    return tensor.contiguous().numpy()
