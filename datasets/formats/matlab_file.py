"""MATLAB's files: up to version 7 by scipy, version 7.3 as HDF5. Axes are in MATLAB's order in both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from cape.datasets.formats.array_file import ArrayFile, Contents, is_number
from cape.datasets.hdf5_files import open_hdf5, stored
from cape.datasets.readers.hdf5 import class_of
from cape.datasets.readers.written import check_written

_HEADER = 128  # bytes
NUMERIC = ("double", "single", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


@dataclass(frozen=True)
class MatlabFile(ArrayFile):
    """The numeric arrays of a .mat file. Those of version 7.3 are read by parts, those of older versions whole."""

    path: Path

    @contextmanager
    def reading(self) -> Iterator[Contents]:
        if h5py.is_hdf5(self.path):
            with open_hdf5(self.path) as file:
                names = [name for name in file if class_of(file, name) is h5py.Dataset]
                arrays = {name: stored(file, name) for name in names}
                yield Contents({name: _Reversed(a) for name, a in arrays.items() if is_number(a.dtype)})
        else:
            found = _variables(self.path)
            yield Contents(
                {
                    name: _Loaded(self.path, name, shape, type_)
                    for name, shape, type_ in found
                    if type_ in NUMERIC
                }
            )

    def check_complete(self, contents: Contents, name: str) -> None:
        array = contents.arrays[name]
        if isinstance(array, _Reversed):
            check_written(self.path, array.dataset)


class _Reversed:
    """A dataset of version 7.3, whose axes HDF5 shows in the opposite order."""

    def __init__(self, dataset: h5py.Dataset):
        self.dataset, self.shape, self.dtype = dataset, dataset.shape[::-1], dataset.dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        return self.dataset[... if key is ... else tuple(key)[::-1]].T


class _Loaded:
    """An array of version 7 or older, read whole when it is first needed."""

    def __init__(self, path: Path, name: str, shape: tuple[int, ...], kind: str):
        self.shape = tuple(shape)
        self.dtype = np.dtype({"double": "f8", "single": "f4"}.get(kind, kind))
        self._path, self._name = path, name
        self._values: np.ndarray | None = None

    def __getitem__(self, key: Any) -> np.ndarray:
        if self._values is None:
            self._values = self._load()
        return self._values[key]

    def _load(self) -> np.ndarray:
        from scipy.io import loadmat

        try:
            values = loadmat(self._path, variable_names=[self._name])[self._name]
        except Exception as error:  # scipy raises what its parser meets
            raise ValueError(_damaged(self._path, error)) from error
        if np.iscomplexobj(values):
            raise ValueError(f"{self._path}: {self._name!r} is complex, expected real numbers")
        return values


def _variables(path: Path) -> list[tuple[str, tuple[int, ...], str]]:
    """Return name, shape and MATLAB's class of each variable.

    Raises:
        ValueError: the file is no MATLAB file, or damaged.
    """
    from scipy.io import whosmat

    try:
        _check_length(path)
        return whosmat(path)
    except Exception as error:  # scipy raises what its parser meets
        raise ValueError(_damaged(path, error)) from error


def _check_length(path: Path) -> None:
    """Raise EOFError if a file of version 5 to 7 ends before its last element does, which scipy does not notice."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        header = file.read(_HEADER)
        order: Literal["little", "big"] = "little" if header[126:128] == b"IM" else "big"
        start = _HEADER if header.startswith(b"MATLAB") else size
        while start < size:
            file.seek(start + 4)
            start += 8 + int.from_bytes(file.read(4), order)
    if start != size:
        raise EOFError(f"{size} bytes, expected {start}")


def _damaged(path: Path, error: Exception) -> str:
    return f"{path}: cannot be read as a MATLAB file: damaged, truncated or still being written ({error})"
