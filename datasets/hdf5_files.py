"""Open HDF5 files and their datasets. Every error is a ValueError or an OSError that names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from cape.datasets.names import printable, printable_around


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading, for a `with` statement, in which errors are those of `naming_errors`.

    Raises:
        ValueError: the file is missing, in use by another process, truncated or not HDF5.
    """
    if not path.is_file():
        found = "not a regular file" if path.exists() else "no such file"
        raise ValueError(f"{path}: {found}; expected an HDF5 file (.hdf5, .h5)")
    try:
        opened = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path}: {_why_not_opened(error)} ({printable(str(error))})") from error
    with opened as file, naming_errors(path):
        yield file


@contextmanager
def naming_errors(path: Path) -> Iterator[None]:
    """Turn every exception of a block that reads a file into a ValueError or an OSError that names the file."""
    try:
        yield
    except (ValueError, OSError) as error:
        found, kind = str(error), OSError if isinstance(error, OSError) else ValueError
        if str(path) not in found:
            raise kind(f"{path}: {printable(found)}") from error
        shown = printable_around(str(path), found)
        if shown == found:
            raise
        raise kind(shown) from error
    except MemoryError as error:
        raise ValueError(f"{path}: not enough memory to read it ({printable(str(error))})") from error
    except Exception as error:
        what = f"{type(error).__name__}: {printable(str(error))}"
        raise ValueError(f"{path}: cannot be read, damaged or of an unexpected structure ({what})") from error


def stored(file: h5py.File, name: str) -> h5py.Dataset:
    """Return a dataset. Raw files with relative names, in which it may be stored, are in the folder of its file.

    Raises:
        KeyError: there is no such dataset.
    """
    return h5py.Dataset(stored_id(file, name))


def stored_id(file: h5py.File, name: str) -> h5py.h5d.DatasetID:
    """Return the low-level object of a dataset, which takes less time than `stored` for many datasets."""
    encoded = name.encode(errors="surrogateescape")
    found = h5py.h5d.open(file.id, encoded)
    if found.get_offset() is None and found.get_create_plist().get_external_count():
        del found  # HDF5 refuses to open it a second time in another way
        access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
        access.set_efile_prefix(b"${ORIGIN}")
        found = h5py.h5d.open(file.id, encoded, access)
    return found


def _why_not_opened(error: OSError) -> str:
    if isinstance(error, BlockingIOError) or "unable to lock" in str(error):
        return "locked: another process has the file open for writing; wait until it has closed the file"
    if "already open for write" in str(error):
        return "marked as open for writing: another process writes the file, or one ended without closing it"
    if isinstance(error, PermissionError):
        return "no permission to read the file"
    return "cannot be opened as HDF5, truncated or another format"
