"""Look into HDF5 files, with the file, the dataset, the found and the expected axes named in every error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np


def open_hdf5(path: Path) -> h5py.File:
    """Open for reading; ValueError naming the file where it is missing or not HDF5."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; expected an HDF5 file (.hdf5, .h5)")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be opened as HDF5, truncated or another format ({error})"
        ) from error


def dataset(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    """Find a dataset by name."""
    if not isinstance(file.get(name), h5py.Dataset):
        found = ", ".join(sorted(file)) or "none"
        raise ValueError(f"{path}: no dataset {name!r}, found {found}")
    return file[name]


def field_shape(path: Path, file: h5py.File, name: str, axes: Sequence[str]) -> tuple[int, ...]:
    """Shape of a field of real numbers [sample, time, *space], without reading it."""
    field = dataset(path, file, name)
    expected = ["sample", "time", *(axis[0] for axis in axes)]
    if field.ndim != len(expected):
        raise ValueError(
            f"{path}: {name!r} has {field.ndim} axes {list(field.shape)}, expected {len(expected)} "
            f"[{', '.join(expected)}], one space axis for each of {', '.join(axes)}"
        )
    if not (np.issubdtype(field.dtype, np.floating) or np.issubdtype(field.dtype, np.integer)):
        raise ValueError(f"{path}: {name!r} holds {field.dtype}, expected real numbers")
    if 0 in field.shape:
        raise ValueError(f"{path}: {name!r} is empty, {list(field.shape)}")
    return field.shape


def axis(path: Path, file: h5py.File, name: str, lengths: Sequence[int], field: str) -> np.ndarray:
    """Read the first lengths[0] entries of an axis [n], where n must be one of `lengths`."""
    x = dataset(path, file, name)
    if x.ndim != 1 or len(x) not in lengths:
        raise ValueError(
            f"{path}: {name!r} has shape {list(x.shape)}, expected {' or '.join(f'[{n}]' for n in lengths)} "
            f"to go with {field!r} {list(file[field].shape)}"
        )
    values = x[: lengths[0]].astype(np.float64)
    if not np.isfinite(values).all() or not np.all(np.diff(values) > 0):
        raise ValueError(f"{path}: {name!r} is not increasing, expected coordinates in ascending order")
    return values


def text(file: h5py.File, attribute: str) -> str | None:
    """Text of a root attribute, None where it is absent."""
    value = file.attrs.get(attribute)
    return value.decode() if isinstance(value, bytes) else None if value is None else str(value)


def texts(file: h5py.File, attribute: str) -> tuple[str, ...]:
    """List of texts in a root attribute, empty where it is absent or holds something else."""
    values = np.asarray(file.attrs.get(attribute, ()), object).ravel()
    values = [value.decode() if isinstance(value, bytes) else value for value in values]
    return tuple(values) if all(isinstance(value, str) for value in values) else ()
