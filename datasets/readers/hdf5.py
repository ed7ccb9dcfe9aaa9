"""Look into HDF5 files. Every error names the file, the dataset, and the found and expected axes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from cape.datasets.readers.reader import Reader


class Hdf5Reader(Reader):
    """A reader of a layout of HDF5 files, which is recognised by the names of datasets and attributes."""

    def recognises(self, path: Path) -> bool:
        if not h5py.is_hdf5(path):
            return False
        with open_hdf5(path) as file:
            return self.recognises_layout(file)

    @abstractmethod
    def recognises_layout(self, file: h5py.File) -> bool:
        """Return whether an open file has this layout; see `Reader.recognises`."""


def open_hdf5(path: Path) -> h5py.File:
    """Open a file for reading.

    Raises:
        ValueError: the file is missing, truncated or not HDF5.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; expected an HDF5 file (.hdf5, .h5)")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be opened as HDF5, truncated or another format ({error})"
        ) from error


def contents(path: Path) -> str:
    """Describe the first datasets and groups of a file, for messages.

    Raises:
        ValueError: see `open_hdf5`.
    """
    with open_hdf5(path) as file:
        found = [
            f"{name} {list(d.shape)}" if isinstance(d, h5py.Dataset) else f"{name}/"
            for name, d in file.items()
        ]
    return _first_of(found) or "nothing"


def dataset(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    """Return the dataset of this name.

    Raises:
        ValueError: there is none; the message lists those that are there.
    """
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        folder = file.get(name.rpartition("/")[0] or "/")
        names = sorted(folder) if isinstance(folder, h5py.Group) else []
        raise ValueError(f"{path}: no dataset {name!r}, found {_first_of(names) or 'none'}")
    return found


def field_shape(path: Path, file: h5py.File, name: str, axes: Sequence[str]) -> tuple[int, ...]:
    """Return the shape [sample, time, *space] of a field of real numbers, without reading it.

    Raises:
        ValueError: it is missing or empty, has other axes, or holds something else.
    """
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
    """Read the first lengths[0] entries of the coordinates of an axis [n].

    Args:
        lengths: the numbers of entries n that are allowed.
        field: the field of this axis, for messages.

    Raises:
        ValueError: they have another shape or do not increase.
    """
    x = dataset(path, file, name)
    if x.ndim != 1 or len(x) not in lengths:
        raise ValueError(
            f"{path}: {name!r} has shape {list(x.shape)}, expected {' or '.join(f'[{n}]' for n in lengths)} "
            f"to match {field!r} {list(file[field].shape)}"
        )
    values = x[: lengths[0]].astype(np.float64)
    _check_increasing(path, name, values)
    return values


def sample_times(
    path: Path, file: h5py.File, name: str, samples: int, lengths: Sequence[int], field: str
) -> np.ndarray:
    """Read the first lengths[0] times of an axis [time] or [sample, time].

    Samples may start at different times if they have the same steps. Their first frame is at time 0 then.

    Args:
        lengths: the numbers of times that are allowed.
        field: the field of this axis, for messages.

    Raises:
        ValueError: they have another shape, do not increase, or samples have different steps.
    """
    times = dataset(path, file, name)
    if times.ndim == 1:
        return axis(path, file, name, lengths, field)
    if times.ndim != 2 or times.shape[0] not in (1, samples) or times.shape[1] not in lengths:
        expected = " or ".join(f"[{n}] or [{samples}, {n}]" for n in lengths)
        raise ValueError(
            f"{path}: {name!r} has shape {list(times.shape)}, expected {expected} to match {field!r} "
            f"{list(file[field].shape)}"
        )
    values = times[:, : lengths[0]].astype(np.float64)
    if not np.all(values == values[0]):
        values = values - values[:, :1]
    step = np.abs(np.diff(values[0])).max(initial=0.0)
    if not np.allclose(values, values[0], rtol=0, atol=1e-3 * step):
        raise ValueError(
            f"{path}: {name!r} has different time steps in some samples, expected the same in all"
        )
    _check_increasing(path, name, values[0])
    return values[0]


def _check_increasing(path: Path, name: str, values: np.ndarray) -> None:
    if not np.isfinite(values).all() or not np.all(np.diff(values) > 0):
        raise ValueError(f"{path}: {name!r} is not increasing, expected coordinates in ascending order")


def text(file: h5py.Group, attribute: str) -> str | None:
    """Return the text of an attribute of the file or a group, or None if it is absent."""
    value = file.attrs.get(attribute)
    return value.decode() if isinstance(value, bytes) else None if value is None else str(value)


def texts(file: h5py.Group, attribute: str) -> tuple[str, ...]:
    """Return the texts in an attribute of the file or a group; () if it is absent or holds something else."""
    found = np.asarray(file.attrs.get(attribute, ()), object).ravel()
    values = [value.decode() if isinstance(value, bytes) else value for value in found]
    return tuple(values) if all(isinstance(value, str) for value in values) else ()


def listed_names(file: h5py.File, group: str, attribute: str) -> tuple[str, ...]:
    """Return the names of a group in the order of its attribute, or as they are stored; () if it is absent."""
    if group not in file:
        return ()
    return texts(file[group], attribute) or tuple(file[group])


def _first_of(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f", ... ({len(names)} in all)" if len(names) > 8 else "")
