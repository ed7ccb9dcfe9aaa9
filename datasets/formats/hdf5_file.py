"""Plain HDF5 files: datasets of any names, or one group per sample."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cape.datasets.formats.array_file import ArrayFile, Contents, LazyArray, scalar_numbers
from cape.datasets.hdf5_files import open_hdf5, stored
from cape.datasets.readers.hdf5 import class_of
from cape.datasets.readers.written import check_written

SAMPLE = "sample"  # the name of the axis along which groups are put together


@dataclass(frozen=True)
class Hdf5File(ArrayFile):
    """All datasets of a file. Groups with equal contents are samples: their datasets are put together."""

    path: Path

    @contextmanager
    def reading(self) -> Iterator[Contents]:
        with open_hdf5(self.path) as file:
            groups = _samples(file)
            arrays = dict(_datasets(file, skip=set(groups)))
            dimensions = {name: _axis_names(array) for name, array in arrays.items()}
            found: dict[str, LazyArray] = dict(arrays)
            if groups:
                for name, first in _datasets(file[groups[0]]):
                    found[name] = _Stacked(self.path, file, groups, name, first)
                    dimensions[name] = (SAMPLE, *_axis_names(first))
                for name, values in _group_attributes(file, groups).items():
                    found[name], dimensions[name] = values, (SAMPLE,)
            yield Contents(found, dimensions, scalar_numbers(file.attrs))

    def check_complete(self, contents: Contents, name: str) -> None:
        array = contents.arrays[name]
        parts = array.parts() if isinstance(array, _Stacked) else [array]
        for part in parts:
            if isinstance(part, h5py.Dataset):
                check_written(self.path, part)


class _Stacked:
    """A dataset of every group, as one array [sample, ...]."""

    def __init__(self, path: Path, file: h5py.File, groups: Sequence[str], dataset: str, first: h5py.Dataset):
        self.shape, self.dtype = (len(groups), *first.shape), first.dtype
        self._path, self._file, self._groups, self._dataset = path, file, groups, dataset

    def parts(self) -> Iterator[h5py.Dataset]:
        """Yield the dataset of each group.

        Raises:
            ValueError: it is missing in a group, or has another shape there than in the first one.
        """
        return (self._part(group) for group in self._groups)

    def _part(self, group: str) -> h5py.Dataset:
        name = f"{group}/{self._dataset}"
        try:
            part = stored(self._file, name)
        except KeyError:
            raise ValueError(
                f"{self._path}: no dataset {name!r}, expected it in every group, as in {self._groups[0]!r}"
            ) from None
        if part.shape != self.shape[1:]:
            raise ValueError(
                f"{self._path}: {name!r} has axes {list(part.shape)}, expected {list(self.shape[1:])} as in "
                f"{self._groups[0]!r}"
            )
        return part

    def __getitem__(self, key: Any) -> np.ndarray:
        rows, *inner = (slice(None),) if key is ... else key
        groups = self._groups[rows]
        return np.stack([self._part(group)[tuple(inner) or ...] for group in groups])


def _datasets(group: h5py.Group, skip: set[str] = frozenset()) -> Iterator[tuple[str, h5py.Dataset]]:  # type: ignore[assignment]
    """Yield the names and datasets of a group and the groups in it, without links to nothing."""
    for name in group:
        kind = class_of(group, name)
        if kind is h5py.Dataset and group[name].shape is not None:
            yield name, stored(group.file, f"{group.name}/{name}")
        elif kind is h5py.Group and name not in skip and not name.startswith("#"):
            yield from ((f"{name}/{inner}", found) for inner, found in _datasets(group[name]))


def _samples(file: h5py.File) -> list[str]:
    """Return the groups that are samples, in the order of the numbers in their names; [] if groups are no samples.

    They are samples if there are at least two and the first two hold the same datasets.
    """
    groups = sorted((name for name in file if class_of(file, name) is h5py.Group), key=_natural)
    groups = [name for name in groups if not name.startswith("#")]
    if len(groups) < 2:
        return []
    first, second = (sorted(name for name, _ in _datasets(file[group])) for group in groups[:2])
    return groups if first and first == second else []


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _group_attributes(file: h5py.File, groups: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the numbers [sample] in attributes that every group has."""
    found = [scalar_numbers(file[group].attrs) for group in groups]
    common = [name for name in found[0] if all(name in attributes for attributes in found)]
    return {name: np.array([attributes[name] for attributes in found]) for name in common}


def _axis_names(dataset: h5py.Dataset) -> tuple[str, ...]:
    """Return the label of each axis, or the name of its dimension scale, or ""."""
    scales = ([scale.name.rpartition("/")[2] for scale in dimension.values()] for dimension in dataset.dims)
    return tuple(
        str(dimension.label) or "".join(names[:1])
        for dimension, names in zip(dataset.dims, scales, strict=True)
    )
