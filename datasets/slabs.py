"""Stores for files whose samples lie in groups of their own, or whose datasets lack axes or have components."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float

from cape.datasets.fields import cut


@dataclass(frozen=True)
class GroupStore:
    """One dataset [time, *space, channel] in a group per sample of one HDF5 file."""

    path: Path
    groups: tuple[str, ...]
    dataset: str
    sample_shape: tuple[int, ...]

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.groups), *self.sample_shape)

    def blocks(
        self, runs: Sequence[tuple[int, int]], window: tuple[slice, ...]
    ) -> Iterator[Float[np.ndarray, "sample time *space channel"]]:
        with h5py.File(self.path, "r") as file:
            for run in runs:
                with np.errstate(over="ignore", invalid="ignore"):
                    samples = [
                        cut(file[f"{self.groups[i]}/{self.dataset}"], (), window).astype(np.float32)
                        for i in range(*run)
                    ]
                yield np.stack(samples)


@dataclass(frozen=True)
class Slab:
    """A dataset [sample, time, *space, *component] in which some of the first axes may be absent.

    Attributes:
        varies: for sample, time and each axis of space, whether the dataset has it; where not, its values are
            the same all along.
        components: number of each component, in C order, that is a channel; (0,) where there are none.
    """

    dataset: str
    varies: tuple[bool, ...]
    components: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class SlabStore:
    """Slabs of one HDF5 file, repeated along the axes they lack; the channels of the first come first."""

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
        with h5py.File(self.path, "r") as file:
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
    """Read the window of a slab as [sample or 1, time or 1, *space or 1, component]."""
    field = file[slab.dataset]
    seen = tuple(s for s, varies in zip(window, slab.varies[1:], strict=True) if varies)
    values = cut(field, rows, seen) if slab.varies[1] else field[rows][(slice(None),) * len(rows) + seen]
    axes = len(rows) + len(seen)
    values = values.reshape(*values.shape[:axes], -1)
    absent = [i for i, varies in enumerate(slab.varies) if not varies]
    return np.expand_dims(values, absent)
