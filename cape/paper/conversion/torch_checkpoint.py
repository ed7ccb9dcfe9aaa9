"""PyTorch checkpoints as named arrays. Plain tensors alone are read; nothing in a file is ever executed."""

import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np

FIRST = ("fc0.weight", "encoder1.enc1conv1.weight")  # by these the base solver is found: an FNO, a U-Net
_COUNTER = "num_batches_tracked"


class Tensors(dict):
    """Arrays by name, which remember whether they were asked for.

    Attributes:
        unused: the names nobody asked for yet.
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
        path: a state dict, or a dictionary with one inside ({"model_state_dict": ...}), saved by torch.save.
        entry: which of several state dicts, such as "model_state_dict" or "ema.model".

    Raises:
        ValueError: there is more than tensors in the file (it is refused unread), it is damaged, or holds no
            weights of a known architecture, or several.
        ImportError: PyTorch is not there (extra `convert`).
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"reading {path} needs PyTorch: pip install torch, or 'cape-jax[convert]'"
        ) from error
    try:
        with warnings.catch_warnings(action="ignore"):  # of old formats
            loaded = torch.load(path, weights_only=True, map_location="cpu")
    except OSError:
        raise
    except UnpicklingError as error:  # its advice, to load without this protection, is not passed on
        found = re.search(r"GLOBAL (\S+)", str(error))
        what = f" ({found[1]})" if found else ""
        raise ValueError(
            f"{path}: refused, as it is no plain state dict: reading what is beside the tensors{what} would run "
            "code from the file. Ask whoever wrote it for torch.save(model.state_dict(), PATH)"
        ) from None
    except Exception as error:  # whatever the reader meets in a file that is none
        reason = str(error).split("\n")[0][:100] or type(error).__name__
        raise ValueError(f"{path}: not a PyTorch checkpoint, or a damaged one ({reason})") from None
    try:
        return Tensors(uniform_names(_choose(_as_arrays(loaded), entry)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def uniform_names(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Name the weights as in the published wrapper: `model.*` (base solver), `PrmEmb_Pre.0.*`, `mix_emb.*`.

    What parallel training or compilation put before all names ("module.") goes; a bare base solver's get "model.".
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


def _choose(loaded: Any, entry: str) -> Mapping[str, np.ndarray]:
    """Find the dictionary that holds the weights, at any depth."""
    found = dict(_state_dicts(loaded))
    if entry:
        found = {place: arrays for place, arrays in found.items() if place == entry}
    if not found:
        where = f"under {entry!r}" if entry else "in it"
        top = f", found {', '.join(map(str, list(loaded)[:8]))}" if isinstance(loaded, Mapping) else ""
        raise ValueError(
            f"no weights of a known architecture {where}: expected names that end in {' or '.join(FIRST)}{top}"
        )
    if len(found) > 1:
        raise ValueError(f"several state dicts; choose by --entry one of {', '.join(sorted(found))}")
    return next(iter(found.values()))


def _state_dicts(loaded: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, Mapping[str, np.ndarray]]]:
    if not isinstance(loaded, Mapping):
        return
    arrays = {name: item for name, item in loaded.items() if isinstance(item, np.ndarray)}
    if any(_is_first(name, first) for name in arrays for first in FIRST):
        yield ".".join(place), arrays
    for name, item in loaded.items():
        yield from _state_dicts(item, (*place, str(name)))


def _is_first(name: Any, first: str) -> bool:
    return isinstance(name, str) and (name == first or name.endswith("." + first))


def _as_arrays(loaded: Any) -> Any:
    """Turn tensors at any depth into arrays of single precision."""
    if isinstance(loaded, Mapping):
        return {name: _as_arrays(item) for name, item in loaded.items()}
    if not hasattr(loaded, "detach"):
        return loaded
    tensor = loaded.detach()
    tensor = tensor.cfloat() if tensor.is_complex() else tensor.float()  # also from float64 or bfloat16
    return tensor.contiguous().numpy()
