"""A store of the arrays of a file, whose axes are put in the order of trajectories when they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from cape.datasets.formats.array_file import ArrayFile, LazyArray
from cape.datasets.formats.words import CHANNEL, SAMPLE, SPACE, TIME
from cape.datasets.hdf5_files import naming_errors


@dataclass(frozen=True, eq=False)
class ArrayStore:
    """Arrays of one file with the same axes. Their channels are put one after the other.

    Attributes:
        file: the file, which is opened for each read.
        fields: names of the arrays.
        axes: the word for each axis, in the order of the arrays. Sample and channel may be absent.
        stored_shape: the shape of each array.
    """

    file: ArrayFile
    fields: tuple[str, ...]
    axes: tuple[str, ...]
    stored_shape: tuple[int, ...]

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def shape(self) -> tuple[int, ...]:
        length = dict(zip(self.axes, self.stored_shape, strict=True))
        space = [length[axis] for axis in SPACE if axis in length]
        return (
            length.get(SAMPLE, 1),
            length[TIME],
            *space,
            length.get(CHANNEL, 1) * len(self.fields),
        )

    def blocks(
        self, runs: Sequence[tuple[int, int]], window: tuple[slice, ...]
    ) -> Iterator[Float[np.ndarray, "sample time *space channel"]]:
        with naming_errors(self.file.path), self.file.reading() as contents:
            arrays = [self._found(contents.arrays, name) for name in self.fields]
            for start, stop in runs:
                parts = [self._read(array, slice(start, stop), window) for array in arrays]
                yield parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def _found(self, arrays: Mapping[str, LazyArray], name: str) -> LazyArray:
        array = arrays.get(name)
        found = None if array is None else tuple(array.shape)
        if array is None or found != self.stored_shape:
            raise ValueError(
                f"{self.name}: {name!r} was {list(self.stored_shape)} when the file was opened, and is "
                f"{'absent' if found is None else list(found)} now; open it again once it is no longer written"
            )
        return array

    def _read(self, array: LazyArray, rows: slice, window: tuple[slice, ...]) -> np.ndarray:
        """Return [sample, time, *space, channel], float32."""
        space = [axis for axis in SPACE if axis in self.axes]
        wanted = {SAMPLE: rows, CHANNEL: slice(None), **dict(zip((TIME, *space), window, strict=True))}
        slices = [wanted[axis] for axis in self.axes]
        bounds = [slice(*_bounds(s, n)) for s, n in zip(slices, self.stored_shape, strict=True)]
        steps = tuple(slice(None, None, s.step) for s in slices)  # HDF5 reads strided selections slowly
        order = [axis for axis in (SAMPLE, TIME, *space, CHANNEL) if axis in self.axes]
        values = np.asarray(array[tuple(bounds)])[steps].transpose([self.axes.index(axis) for axis in order])
        with np.errstate(over="ignore", invalid="ignore"):
            values = values.astype(np.float32, order="C")
        if SAMPLE not in self.axes:
            values = values[None]
        return values if CHANNEL in self.axes else values[..., None]


def _bounds(part: slice, length: int) -> tuple[int, int]:
    chosen = range(length)[part]
    return (chosen[0], chosen[-1] + 1) if chosen else (0, 0)
