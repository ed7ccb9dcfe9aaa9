"""A store for files whose datasets lack axes or have components."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float

from cape.datasets.hdf5_files import open_hdf5, stored
from cape.datasets.hdf5_windows import read_window


@dataclass(frozen=True)
class Slab:
    """A dataset [sample, time, *space, *component] in which sample, time and space axes may be absent.

    Attributes:
        dataset: its name.
        varies: for sample, time and each axis of space, whether the dataset has this axis. Along an absent axis, its
            values are constant.
        components: the components that are channels, numbered in C order; (0,) for a scalar.
    """

    dataset: str
    varies: tuple[bool, ...]
    components: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class SlabStore:
    """Slabs of one HDF5 file, repeated along their absent axes. Channels are in the order of the slabs."""

    path: Path
    slabs: tuple[Slab, ...]
    field_shape: tuple[int, ...]

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.field_shape, sum(len(slab.components) for slab in self.slabs))

    def blocks(
        self, runs: Sequence[tuple[int, int]], window: tuple[slice, ...]
    ) -> Iterator[Float[np.ndarray, "sample time *space channel"]]:
        seen = [len(range(n)[s]) for n, s in zip(self.field_shape[1:], window, strict=True)]
        with open_hdf5(self.path) as file:
            common = {slab: _read(file, slab, (), window) for slab in self.slabs if not slab.varies[0]}
            for start, stop in runs:
                u = np.empty((stop - start, *seen, self.shape[-1]), np.float32)
                last = 0
                for slab in self.slabs:
                    rows = (slice(start, stop),)
                    values = common[slab] if slab in common else _read(file, slab, rows, window)
                    first, last = last, last + len(slab.components)
                    with np.errstate(over="ignore", invalid="ignore"):
                        u[..., first:last] = values[..., list(slab.components)]
                yield u


def _read(file: h5py.File, slab: Slab, rows: tuple[slice, ...], window: tuple[slice, ...]) -> np.ndarray:
    """Read the window of a slab as [sample, time, *space, component]; absent axes have length 1."""
    field = stored(file, slab.dataset)
    seen = tuple(s for s, varies in zip(window, slab.varies[1:], strict=True) if varies)
    values = (
        read_window(field, rows, seen) if slab.varies[1] else field[rows][(slice(None),) * len(rows) + seen]
    )
    axes = len(rows) + len(seen)
    values = values.reshape(*values.shape[:axes], -1)
    absent = [i for i, varies in enumerate(slab.varies) if not varies]
    return np.expand_dims(values, absent)
