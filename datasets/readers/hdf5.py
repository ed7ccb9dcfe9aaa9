"""Look into HDF5 files. Every error names the file, the dataset, and the found and expected axes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from cape.datasets.hdf5_files import open_hdf5, stored_id
from cape.datasets.names import printable
from cape.datasets.readers.reader import Reader
from cape.datasets.readers.written import check_written


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


def contents(path: Path) -> str:
    """Describe the first datasets and groups of a file, for messages.

    Raises:
        ValueError: see `open_hdf5`.
    """
    with open_hdf5(path) as file:
        return listing([_described(file, name) for name in file]) or "nothing"


def _described(file: h5py.File, name: str) -> str:
    found = file.get(name)
    if found is None:
        return f"{name} (a link to nothing)"
    return f"{name} {list(found.shape or ())}" if isinstance(found, h5py.Dataset) else f"{name}/"


def dataset(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    """Return the dataset of this name, all of whose values are stored.

    Raises:
        ValueError: there is none, and the message lists those that are there or names the link that leads to nothing;
            or it is incomplete.
    """
    return h5py.Dataset(dataset_id(path, file, name))


def dataset_id(path: Path, file: h5py.File, name: str) -> h5py.h5d.DatasetID:
    """Return the low-level object of a dataset; errors as in `dataset`."""
    try:
        found = stored_id(file, name)
    except KeyError as error:
        raise ValueError(f"{path}: {_why_absent(file, name)}") from error
    if found.get_offset() is None:  # not in one piece in the file, as most are
        check_written(path, h5py.Dataset(found))
    return found


def numbers(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    """Return the dataset of this name, which holds real numbers.

    Raises:
        ValueError: as in `dataset`, or it holds something else.
    """
    found = dataset(path, file, name)
    if not is_real(found.dtype):
        raise ValueError(f"{path}: {name!r} holds {found.dtype}, expected real numbers")
    return found


def class_of(file: h5py.File, name: str) -> type | None:
    """Return the class of an object of a file, such as h5py.Group, or None for a link to nothing."""
    try:
        return file.get(name, getclass=True)
    except (KeyError, RuntimeError):
        return None


def is_real(dtype: np.dtype) -> bool:
    return np.issubdtype(dtype, np.floating) or np.issubdtype(dtype, np.integer)


def _why_absent(file: h5py.File, name: str) -> str:
    """Say that there is no dataset of this name, and which there are; or which link leads to nothing."""
    parts = name.split("/")
    for place in ("/".join(parts[: i + 1]) for i in range(len(parts))):
        link = file.get(place, getlink=True) if file.get(place) is None else None
        if isinstance(link, h5py.ExternalLink):
            return (
                f"{place!r} is a link to {link.path!r} in {link.filename!r}, which is missing or unreadable"
            )
        if isinstance(link, h5py.SoftLink):
            return f"{place!r} is a link to {link.path!r}, which is missing"
    folder = file.get(name.rpartition("/")[0] or "/")
    names = sorted(folder) if isinstance(folder, h5py.Group) else []
    return f"no dataset {name!r}, found {listing(names) or 'none'}"


def field_shape(path: Path, file: h5py.File, name: str, axes: Sequence[str]) -> tuple[int, ...]:
    """Return the shape [sample, time, *space] of a field of real numbers, without reading it.

    Raises:
        ValueError: it is missing or empty, has other axes, or holds something else.
    """
    field = numbers(path, file, name)
    expected = ["sample", "time", *(axis[0] for axis in axes)]
    if field.ndim != len(expected):
        raise ValueError(
            f"{path}: {name!r} has {field.ndim} axes {list(field.shape)}, expected {len(expected)} "
            f"[{', '.join(expected)}], one space axis for each of {', '.join(axes)}"
        )
    if 0 in field.shape:
        raise ValueError(f"{path}: {name!r} is empty, {list(field.shape)}")
    return field.shape


def text(file: h5py.Group, attribute: str) -> str | None:
    """Return the text of an attribute of the file or a group without control characters, or None if it is absent."""
    found = file.attrs.get(attribute)
    if isinstance(found, np.ndarray) and found.size == 1:
        found = found.reshape(-1)[0]
    return None if found is None else printable(_decoded(found))


def texts(file: h5py.Group, attribute: str) -> tuple[str, ...]:
    """Return the texts in an attribute of the file or a group; () if it is absent or holds something else."""
    found = np.asarray(file.attrs.get(attribute, ()), object).ravel()
    return tuple(map(_decoded, found)) if all(isinstance(value, str | bytes) for value in found) else ()


def _decoded(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def listed_names(file: h5py.File, group: str, attribute: str) -> tuple[str, ...]:
    """Return the names of a group in the order of its attribute, or as they are stored; () if it is absent."""
    found = file.get(group)
    if not isinstance(found, h5py.Group):
        return ()
    return texts(found, attribute) or tuple(found)


def listing(names: Sequence[str]) -> str:
    """List the first eight names, for messages."""
    shown = printable(", ".join(names[:8]))
    return shown + (f", ... ({len(names)} in all)" if len(names) > 8 else "")
