"""The arrays of a module in a file of weights: names, shapes and values are checked before they are used."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from cape.datasets.names import printable
from cape.model import weights as weights_file


def weight_bytes(module: nnx.Module) -> bytes:
    """Return the content of the file with all arrays of a module.

    Raises:
        ValueError: an array is not finite.
    """
    arrays = {name: np.asarray(array) for name, array in _flat(module).items()}
    if bad := _not_finite(arrays):
        raise ValueError(
            f"cannot save the surrogate: NaN or infinity in {_some(bad)}; the training has diverged"
        )
    return weights_file.to_bytes(arrays)


def _flat(module: nnx.Module) -> dict[str, Any]:
    """List all arrays of a module under dotted names."""
    state = nnx.to_flat_state(nnx.state(module))
    return {".".join(map(str, path)): variable[...] for path, variable in state}


def check_fit(module: nnx.Module, header: dict[str, tuple[str, tuple[int, ...]]], file: Path) -> None:
    """Raise ValueError unless the header of the weights names the arrays of the module, with dtypes and shapes."""
    expected = {
        ".".join(map(str, path)): (np.dtype(variable.dtype).name, tuple(variable.shape))
        for path, variable in nnx.to_flat_state(nnx.state(module))
    }
    missing, unknown = sorted(set(expected) - set(header)), sorted(set(header) - set(expected))
    if missing or unknown:
        raise ValueError(
            f"{file}: does not match config.json, of another surrogate; missing {_some(missing)}, "
            f"unknown {_some(unknown)}"
        )
    for name, array in expected.items():
        if array != header[name]:
            raise ValueError(
                f"{file}: does not match config.json, of another surrogate; {name}: expected "
                f"{_shape(*array)}, got {_shape(*header[name])}"
            )


def fill(module: nnx.Module, weights: dict[str, np.ndarray], file: Path) -> None:
    if bad := _not_finite(weights):
        raise ValueError(f"{file}: NaN or infinity in {_some(bad)}; copy the folder again or train anew")
    state = nnx.state(module)
    for path, variable in nnx.to_flat_state(state):
        variable.set_value(jnp.asarray(weights[".".join(map(str, path))]))
    nnx.update(module, state)


def _not_finite(arrays: dict[str, np.ndarray]) -> list[str]:
    """Return the names of the arrays that hold NaN or infinity."""
    return [name for name, array in arrays.items() if not np.isfinite(array).all()]


def _some(names: list[str]) -> str:
    shown = printable(", ".join(name[:100] for name in names[:3]))
    return (shown + (f", ... ({len(names)} in all)" if names[3:] else "")) or "none"


def _shape(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{printable(dtype[:20])} {list(shape)}"
