"""Fields left where they are (in HDF5 files or in memory) until samples are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Protocol, runtime_checkable

import h5py
import numpy as np
from jaxtyping import Float, Int

BLOCK_BYTES = 128 * 2**20  # a read never holds more of one dataset than this (or one sample)
GAP = 4  # unwanted samples between two wanted ones that are cheaper to read than to skip ...
GAP_BYTES = 2**20  # ... unless they are larger than this together
SKIP_BYTES = 2**16  # frames of this size that are not wanted are skipped
PIECE_BYTES = (
    2**20
)  # frames of this size of which not all points are wanted are read one by one, to save memory


@runtime_checkable
class Store(Protocol):
    """Where fields are: `shape` is [sample, time, *space, channel] as stored, `name` is for messages."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def blocks(
        self, runs: Sequence[tuple[int, int]], window: tuple[slice, ...]
    ) -> Iterator[Float[np.ndarray, "sample time *space channel"]]:
        """Yield samples start..stop-1 of each run, cut to `window` (one slice for time and one per axis)."""
        ...


@dataclass(frozen=True)
class FileStore:
    """Datasets [sample, time, *space] of one HDF5 file, each of which is one channel."""

    path: Path
    datasets: tuple[str, ...]
    dataset_shape: tuple[int, ...]

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.dataset_shape, len(self.datasets))

    def blocks(
        self, runs: Sequence[tuple[int, int]], window: tuple[slice, ...]
    ) -> Iterator[Float[np.ndarray, "sample time *space channel"]]:
        with h5py.File(self.path, "r") as file:
            for start, stop in runs:
                # Overflow of float64 to float32 gives inf, which `Fields.read` reports.
                with np.errstate(over="ignore", invalid="ignore"):
                    rows = (slice(start, stop),)
                    channels = [cut(file[d], rows, window).astype(np.float32) for d in self.datasets]
                yield np.stack(channels, axis=-1)


@dataclass(frozen=True, eq=False)
class MemoryStore:
    """One array [sample, time, *space, channel]."""

    u: np.ndarray
    name: str = "<arrays in memory>"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.u.shape

    def blocks(
        self, runs: Sequence[tuple[int, int]], window: tuple[slice, ...]
    ) -> Iterator[Float[np.ndarray, "sample time *space channel"]]:
        for start, stop in runs:
            with np.errstate(over="ignore", invalid="ignore"):
                yield self.u[start:stop][(slice(None), *window)].astype(np.float32)


@dataclass(frozen=True, eq=False)
class View:
    """A store seen at every `time_step`-th of the first `time_stop` frames and every `space_step` points."""

    store: Store
    time_stop: int
    time_step: int = 1
    space_step: int = 1

    @property
    def window(self) -> tuple[slice, ...]:
        space = (slice(None, None, self.space_step),) * (len(self.store.shape) - 3)
        return (slice(0, self.time_stop, self.time_step), *space)

    @property
    def shape(self) -> tuple[int, ...]:
        """[time, *space, channel] as seen."""
        seen = (len(range(*s.indices(n))) for s, n in zip(self.window, self.store.shape[1:-1], strict=True))
        return (*seen, self.store.shape[-1])


@dataclass(frozen=True, eq=False)
class Fields:
    """Samples drawn from one or more views: sample i is number `position[i]` of view `source[i]`."""

    views: tuple[View, ...]
    source: Int[np.ndarray, " sample"]
    position: Int[np.ndarray, " sample"]

    @property
    def shape(self) -> tuple[int, ...]:
        """[sample, time, *space, channel], known without reading."""
        return (len(self.source), *self.views[0].shape)

    @property
    def names(self) -> tuple[str, ...]:
        """Files (or arrays) the samples come from."""
        return tuple(self.views[i].store.name for i in np.unique(self.source))

    def select(self, samples: Int[np.ndarray, " selected"]) -> Fields:
        return replace(self, source=self.source[samples], position=self.position[samples])

    def subsample(self, space: int, time: int) -> Fields:
        views = (
            replace(v, space_step=v.space_step * space, time_step=v.time_step * time) for v in self.views
        )
        return replace(self, views=tuple(views))

    def first_frames(self, n: int) -> Fields:
        views = (replace(v, time_stop=(n - 1) * v.time_step + 1) for v in self.views)
        return replace(self, views=tuple(views))

    def blocks(
        self,
    ) -> Iterator[tuple[Int[np.ndarray, " row"], Float[np.ndarray, "row time *space channel"], str]]:
        """Yield (rows, u[rows], name of the file) until every sample was given once, file by file."""
        for i in np.unique(self.source):
            view, rows = self.views[i], np.flatnonzero(self.source == i)
            rows = rows[np.argsort(self.position[rows], kind="stable")]
            positions = self.position[rows]
            runs = _runs(np.unique(positions), _samples_per_block(view.store), _gap(view.store))
            for (start, stop), block in zip(runs, view.store.blocks(runs, view.window), strict=True):
                inside = slice(*np.searchsorted(positions, (start, stop)))
                yield rows[inside], block[positions[inside] - start], view.store.name

    def read(self) -> Float[np.ndarray, "sample time *space channel"]:
        """Read every sample as float32; raise ValueError where one holds NaN or infinity."""
        u = np.empty(self.shape, np.float32)
        bad: dict[str, list[int]] = {}
        for rows, block, name in self.blocks():
            u[rows] = block
            if not np.isfinite(block).all():
                bad.setdefault(name, []).extend(self.position[rows[~finite_samples(block)]].tolist())
        if bad:
            raise ValueError(_nonfinite_message(bad, len(self.source)))
        return u


def join(parts: Sequence[Fields]) -> Fields:
    """Give the samples of all parts, in order, as one `Fields`."""
    offsets = np.cumsum([0, *(len(p.views) for p in parts)])
    return Fields(
        views=tuple(view for p in parts for view in p.views),
        source=np.concatenate([p.source + o for p, o in zip(parts, offsets, strict=False)]),
        position=np.concatenate([p.position for p in parts]),
    )


def whole(store: Store) -> Fields:
    """See every sample, frame and point of a store."""
    samples, frames = store.shape[:2]
    return Fields((View(store, frames),), np.zeros(samples, np.int64), np.arange(samples))


def cut(field: h5py.Dataset, rows: tuple[slice, ...], window: tuple[slice, ...]) -> np.ndarray:
    """Read `field[*rows, *window]`, where the first slice of `window` is that of time, from frame 0.

    Strides go to numpy, as strided selections of HDF5 are many times slower, twenty times with chunks. Where frames
    are large and not all of them, or of their points, are wanted, one frame (or chunk of frames) is read at a time.
    """
    (time, *space), axis = window, len(rows)
    frames = range(field.shape[axis])[time]
    chunk = field.chunks[axis] if field.chunks else 1
    frame_bytes = field.dtype.itemsize * int(np.prod(field.shape[axis + 1 :]))
    least = SKIP_BYTES if frames.step > 1 else PIECE_BYTES
    at_once = all(s.step in (None, 1) for s in window) or chunk * frame_bytes < least
    piece = frames.stop if at_once else chunk
    whole_rows = (slice(None),) * axis
    pieces = []
    for _, group in groupby(frames, key=lambda frame: frame // piece):
        wanted = list(group)
        read = field[(*rows, slice(wanted[0], wanted[-1] + 1))]
        read = read[(*whole_rows, slice(None, None, frames.step), *space)]
        pieces.append(read if at_once else np.ascontiguousarray(read))  # a view would keep all points
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis)


def finite_samples(u: Float[np.ndarray, "sample time *space channel"]) -> np.ndarray:
    """Mark the samples without NaN and infinity."""
    return np.isfinite(u).all(axis=tuple(range(1, u.ndim)))


def _runs(positions: np.ndarray, limit: int, gap: int) -> list[tuple[int, int]]:
    """Cover sorted positions by ranges [start, stop) of at most `limit` samples, reading across `gap` others."""
    runs: list[tuple[int, int]] = []
    for p in positions.tolist():
        if runs and p - runs[-1][1] <= gap and p + 1 - runs[-1][0] <= limit:
            runs[-1] = (runs[-1][0], p + 1)
        else:
            runs.append((p, p + 1))
    return runs


def _samples_per_block(store: Store) -> int:
    return max(1, BLOCK_BYTES // (8 * int(np.prod(store.shape[1:-1]))))


def _gap(store: Store) -> int:
    return min(GAP, GAP_BYTES // (4 * int(np.prod(store.shape[1:]))))


def _nonfinite_message(bad: dict[str, list[int]], samples: int) -> str:
    found = []
    for name, positions in bad.items():
        unique = sorted(set(positions))
        shown = ", ".join(map(str, unique[:5])) + (", ..." if len(unique) > 5 else "")
        found.append(f"{name}: {len(unique)} sample(s) with NaN or infinity (number {shown})")
    return (
        "; ".join(found) + f"; expected finite values in all of the {samples} samples read. Repair the file, "
        "or leave these samples out with `trajectories.drop_nonfinite()`"
    )
