"""The contract of a file of arrays: names, shapes and attributes at once, values when they are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np


class LazyArray(Protocol):
    """An array that is read by slices: an h5py dataset, a memory map, ..."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def __getitem__(self, key: Any, /) -> Any:
        """Read a part, given by one slice without a step for each axis, or all by `...`."""
        ...


@dataclass(frozen=True)
class Contents:
    """What an open file holds.

    Attributes:
        arrays: arrays by name, in the order of the file.
        dimensions: the names of the axes of arrays that name them; "" for an axis without a name.
        attributes: attributes of the file that are numbers.
    """

    arrays: Mapping[str, LazyArray]
    dimensions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    attributes: Mapping[str, float] = field(default_factory=dict)

    def axis_names(self, name: str) -> tuple[str, ...]:
        """Return the names of the axes of an array; "" for axes without a name."""
        return self.dimensions.get(name) or ("",) * len(self.arrays[name].shape)

    def values(self, name: str) -> np.ndarray:
        """Read an array completely, as float64 if it holds numbers."""
        found = np.asarray(self.arrays[name][...])
        return found.astype(np.float64) if is_number(found.dtype) else found

    def __str__(self) -> str:
        shown = [f"{name} {shape_of(self, name)}" for name in list(self.arrays)[:12]]
        more = len(self.arrays) - len(shown)
        return (", ".join(shown) or "no array") + (f", ... ({more} more)" if more else "")


class ArrayFile(ABC):
    """A file of arrays. It holds no open file, and so can be sent to another process.

    Attributes:
        path: the file or folder.
    """

    path: Path

    @property
    def name(self) -> str:
        """The file, for messages."""
        return str(self.path)

    @abstractmethod
    def reading(self) -> AbstractContextManager[Contents]:
        """Open the file for a `with` statement.

        Raises:
            ValueError, OSError: the file is damaged, incomplete or of another format.
            ImportError: a package that reads the format is not installed; the message names the extra.
        """

    def check_complete(self, contents: Contents, name: str) -> None:  # noqa: B027, most formats have nothing to check
        """Raise ValueError if values of an array were never written."""


def is_number(dtype: np.dtype) -> bool:
    """Return whether a type is one of real numbers."""
    return np.issubdtype(dtype, np.floating) or np.issubdtype(dtype, np.integer)


def shape_of(contents: Contents, name: str) -> str:
    """Return the shape of an array, with the names of its axes if it has any, such as [run 12, time 11, x 32]."""
    pairs = zip(contents.axis_names(name), contents.arrays[name].shape, strict=True)
    return f"[{', '.join(f'{axis} {n}'.strip() for axis, n in pairs)}]"


def scalar_numbers(attributes: Mapping[str, Any]) -> dict[str, float]:
    """Return the attributes that are one real number."""
    found = {}
    for name, value in attributes.items():
        array = np.asarray(value)
        if array.size == 1 and is_number(array.dtype):
            found[name] = float(array.reshape(()))
    return found
