"""The parameters of The Well's files."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from cape.datasets.readers.hdf5 import dataset, listed_names, numbers, texts

NAMED = "simulation_parameters"  # root attribute with the names of parameters


def parameters_of(path: Path, file: h5py.File, samples: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names and values [sample, parameter] of the parameters.

    Parameters are the entries of `simulation_parameters` whose values are numbers, and then the other scalars with one
    value per file or per sample.

    Raises:
        ValueError: a parameter varies in time or has the wrong shape.
    """
    names = _names(path, file, samples)
    columns = [_values(path, file, name, samples) for name in names]
    return names, np.stack(columns, 1) if columns else np.zeros((samples, 0))


def unused_parameters(file: h5py.File, used: tuple[str, ...]) -> list[str]:
    """Return the scalars and the entries of `simulation_parameters` that are not parameters."""
    unused = [n for n in _scalars(file) if n not in used]
    return unused + [n for n in texts(file, NAMED) if n not in (*used, *unused)]


def _scalars(file: h5py.File) -> list[str]:
    names = listed_names(file, "scalars", "field_names")
    return [name for name in names if isinstance(file.get(f"scalars/{name}"), h5py.Dataset)]


def _names(path: Path, file: h5py.File, samples: int) -> tuple[str, ...]:
    named = [n for n in texts(file, NAMED) if _is_number(_stored(path, file, n))]
    others = (file[f"scalars/{n}"] for n in _scalars(file) if n not in named)
    single = [
        d for d in others if _is_number(d) and not _in_time(d) and (d.size == 1 or d.shape == (samples,))
    ]
    return (*named, *(d.name.rpartition("/")[2] for d in single))


def _stored(path: Path, file: h5py.File, name: str) -> object:
    """Return the dataset in `scalars` or the root attribute of a named parameter; None if there is neither."""
    return dataset(path, file, f"scalars/{name}") if f"scalars/{name}" in file else file.attrs.get(name)


def _is_number(value: object) -> bool:
    dtype = np.dtype(getattr(value, "dtype", type(value) if isinstance(value, int | float) else object))
    return np.issubdtype(dtype, np.floating) or np.issubdtype(dtype, np.integer)


def _in_time(scalar: h5py.Dataset) -> bool:
    return bool(scalar.attrs.get("time_varying", False))


def _values(path: Path, file: h5py.File, name: str, samples: int) -> np.ndarray:
    """Read one value per sample from `scalars` or from a root attribute."""
    where, value = f"scalars/{name}", file.attrs.get(name)
    if where in file:
        if _in_time(file[where]):
            raise ValueError(
                f"{path}: parameter {where!r} {list(file[where].shape)} varies in time, expected one value per file "
                "or per sample, as a one-step map has fixed parameters"
            )
        value = numbers(path, file, where)[...]
    values = np.asarray(value, np.float64)
    if values.size != 1 and values.shape != (samples,):
        raise ValueError(
            f"{path}: parameter {name!r} has shape {list(values.shape)}, expected [] or [{samples}]"
        )
    return np.broadcast_to(values.reshape(-1), samples).copy()
