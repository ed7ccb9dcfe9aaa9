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
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        folder = file.get(name.rpartition("/")[0] or "/")
        names = sorted(folder) if isinstance(folder, h5py.Group) else []
        shown = ", ".join(names[:8]) + (f", ... ({len(names)} in all)" if len(names) > 8 else "")
        raise ValueError(f"{path}: no dataset {name!r}, found {shown or 'none'}")
    return found


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
    _check_increasing(path, name, values)
    return values


def sample_times(
    path: Path, file: h5py.File, name: str, samples: int, lengths: Sequence[int], field: str
) -> np.ndarray:
    """Read times [time] or [sample, time], of which the first lengths[0] count; see `axis`.

    Samples that start at different times but have the same steps are all given time 0 at their first frame.
    """
    times = dataset(path, file, name)
    if times.ndim == 1:
        return axis(path, file, name, lengths, field)
    if times.ndim != 2 or times.shape[0] not in (1, samples) or times.shape[1] not in lengths:
        expected = " or ".join(f"[{n}] or [{samples}, {n}]" for n in lengths)
        raise ValueError(
            f"{path}: {name!r} has shape {list(times.shape)}, expected {expected} to go with {field!r} "
            f"{list(file[field].shape)}"
        )
    values = times[:, : lengths[0]].astype(np.float64)
    if not np.all(values == values[0]):
        values = values - values[:, :1]
    step = np.abs(np.diff(values[0])).max(initial=0.0)
    if not np.allclose(values, values[0], rtol=0, atol=1e-3 * step):
        raise ValueError(f"{path}: {name!r} has other time steps in some samples, expected the same in all")
    _check_increasing(path, name, values[0])
    return values[0]


def _check_increasing(path: Path, name: str, values: np.ndarray) -> None:
    if not np.isfinite(values).all() or not np.all(np.diff(values) > 0):
        raise ValueError(f"{path}: {name!r} is not increasing, expected coordinates in ascending order")


def text(file: h5py.Group, attribute: str) -> str | None:
    """Text of an attribute of the file or a group, None where it is absent."""
    value = file.attrs.get(attribute)
    return value.decode() if isinstance(value, bytes) else None if value is None else str(value)


def texts(file: h5py.Group, attribute: str) -> tuple[str, ...]:
    """List of texts in an attribute of the file or a group, empty where it is absent or holds something else."""
    found = np.asarray(file.attrs.get(attribute, ()), object).ravel()
    values = [value.decode() if isinstance(value, bytes) else value for value in found]
    return tuple(values) if all(isinstance(value, str) for value in values) else ()
