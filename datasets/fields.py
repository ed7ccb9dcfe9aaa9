"""Fields that stay where they are (in files or in memory) until samples are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from cape.datasets.stores import Store

BLOCK_BYTES = 128 * 2**20  # a read holds at most this much of one dataset, or one sample
GAP = 4  # at most this many unwanted samples between two wanted ones are read too, which is faster than skipping them,
GAP_BYTES = 2**20  # unless they are larger than this together


@dataclass(frozen=True, eq=False)
class View:
    """Every `time_step`-th of the first `time_stop` frames of a store, at every `space_step`-th point of each axis."""

    store: Store
    time_stop: int
    time_step: int = 1
    space_step: int = 1

    @property
    def window(self) -> tuple[slice, ...]:
        """The slices of time and of each axis."""
        space = (slice(None, None, self.space_step),) * (len(self.store.shape) - 3)
        return (slice(0, self.time_stop, self.time_step), *space)

    @property
    def shape(self) -> tuple[int, ...]:
        """[time, *space, channel] of the view."""
        seen = (len(range(*s.indices(n))) for s, n in zip(self.window, self.store.shape[1:-1], strict=True))
        return (*seen, self.store.shape[-1])


@dataclass(frozen=True, eq=False)
class Fields:
    """Samples of one or more views: sample i is number `position[i]` of the view number `source[i]`."""

    views: tuple[View, ...]
    source: Int[np.ndarray, " sample"]
    position: Int[np.ndarray, " sample"]

    @property
    def shape(self) -> tuple[int, ...]:
        """[sample, time, *space, channel], known without reading."""
        return (len(self.source), *self.views[0].shape)

    @property
    def names(self) -> tuple[str, ...]:
        """The files (or arrays) of the samples."""
        return tuple(self.views[i].store.name for i in np.unique(self.source))

    def select(self, samples: Int[np.ndarray, " selected"]) -> Fields:
        """Return these samples only, reading nothing."""
        return replace(self, source=self.source[samples], position=self.position[samples])

    def subsample(self, space: int, time: int) -> Fields:
        """Keep every `space`-th point of each axis and every `time`-th frame, reading nothing."""
        views = (
            replace(v, space_step=v.space_step * space, time_step=v.time_step * time) for v in self.views
        )
        return replace(self, views=tuple(views))

    def first_frames(self, n: int) -> Fields:
        """Keep the first n frames, reading nothing."""
        views = (replace(v, time_stop=(n - 1) * v.time_step + 1) for v in self.views)
        return replace(self, views=tuple(views))

    def blocks(
        self,
    ) -> Iterator[tuple[Int[np.ndarray, " row"], Float[np.ndarray, "row time *space channel"], str]]:
        """Read every sample once, file by file; yield (rows, u[rows], name of the file)."""
        for i in np.unique(self.source):
            view, rows = self.views[i], np.flatnonzero(self.source == i)
            rows = rows[np.argsort(self.position[rows], kind="stable")]
            positions = self.position[rows]
            runs = _runs(np.unique(positions), _samples_per_block(view.store), _gap(view.store))
            for (start, stop), block in zip(runs, view.store.blocks(runs, view.window), strict=True):
                inside = slice(*np.searchsorted(positions, (start, stop)))
                yield rows[inside], block[positions[inside] - start], view.store.name

    def read(self) -> Float[np.ndarray, "sample time *space channel"]:
        """Read every sample as float32.

        Raises:
            ValueError: a sample holds NaN or infinity; the message names the file and the samples.
        """
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
    """Return the samples of all parts, in order, as one `Fields`."""
    offsets = np.cumsum([0, *(len(p.views) for p in parts)])
    return Fields(
        views=tuple(view for p in parts for view in p.views),
        source=np.concatenate([p.source + o for p, o in zip(parts, offsets, strict=False)]),
        position=np.concatenate([p.position for p in parts]),
    )


def whole(store: Store) -> Fields:
    """Return all samples, frames and points of a store."""
    samples, frames = store.shape[:2]
    return Fields((View(store, frames),), np.zeros(samples, np.int64), np.arange(samples))


def finite_samples(u: Float[np.ndarray, "sample time *space channel"]) -> np.ndarray:
    """Return a mask [sample] of the samples without NaN and infinity."""
    return np.isfinite(u).all(axis=tuple(range(1, u.ndim)))


def _runs(positions: np.ndarray, limit: int, gap: int) -> list[tuple[int, int]]:
    """Cover sorted positions by ranges [start, stop) of at most `limit` samples, with gaps of at most `gap` samples."""
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
