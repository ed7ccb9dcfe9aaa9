"""Fields that stay where they are (in files or in memory) until samples are read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cape.datasets.frame_digests import FrameDigests, StoredDigests
from cape.datasets.not_finite import NotFinite, finite_samples
from cape.datasets.stores import Store

BLOCK_BYTES = 256 * 2**20  # a read holds at most this much, counted as float64, or one frame of one sample
GAP = 4  # at most this many unwanted samples between two wanted ones are read too, which is faster than skipping them,
GAP_BYTES = 2**20  # unless they are larger than this together


class Block(NamedTuple):
    """A part of the fields, as it is read.

    Attributes:
        rows: its samples.
        frames: its frames.
        u: its values, float32.
        name: its file.
    """

    rows: Int[np.ndarray, " row"]
    frames: slice
    u: Float[np.ndarray, "row time *space channel"]
    name: str


@dataclass(frozen=True, eq=False)
class View:
    """Every `time_step`-th of the frames from `time_start` to `time_stop` of a store, at every `space_step`-th point
    of each axis.

    `digests` are those of the store's whole frames. All views of a store share them.
    """

    store: Store
    time_stop: int
    digests: FrameDigests
    time_step: int = 1
    space_step: int = 1
    time_start: int = 0

    @property
    def window(self) -> tuple[slice, ...]:
        """The slices of time and of each axis."""
        space = (slice(None, None, self.space_step),) * (len(self.store.shape) - 3)
        return (slice(self.time_start, self.time_stop, self.time_step), *space)

    @property
    def shape(self) -> tuple[int, ...]:
        """[time, *space, channel] of the view."""
        seen = (len(range(*s.indices(n))) for s, n in zip(self.window, self.store.shape[1:-1], strict=True))
        return (*seen, self.store.shape[-1])

    def between(self, first: int, stop: int) -> View:
        """Return the frames from number `first` to `stop` of this view."""
        start = self.time_start + first * self.time_step
        return replace(
            self, time_start=start, time_stop=start + max(stop - first - 1, 0) * self.time_step + 1
        )


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

    @property
    def positions(self) -> dict[str, list[int]]:
        """The positions of the samples in their files, by the file's name."""
        found: dict[str, list[int]] = {}
        for source, position in zip(self.source.tolist(), self.position.tolist(), strict=True):
            found.setdefault(self.views[source].store.name, []).append(position)
        return found

    def digests(self, frame: int = 0) -> list[str]:
        """Return the digest of one frame of each sample, as it is stored: on the whole grid and before sub-sampling."""
        found = np.empty(len(self.source), object)
        for i in np.unique(self.source):
            rows = np.flatnonzero(self.source == i)
            found[rows] = self.views[i].digests.of(self.position[rows], frame)
        return found.tolist()

    def select(self, samples: Int[np.ndarray, " selected"]) -> Fields:
        """Return these samples only, reading nothing."""
        return replace(self, source=self.source[samples], position=self.position[samples])

    def subsample(self, space: int, time: int) -> Fields:
        """Keep every `space`-th point of each axis and every `time`-th frame, reading nothing."""
        views = (
            replace(v, space_step=v.space_step * space, time_step=v.time_step * time) for v in self.views
        )
        return replace(self, views=tuple(views))

    def between(self, first: int, stop: int) -> Fields:
        """Keep the frames from number `first` to `stop`, reading nothing."""
        return replace(self, views=tuple(view.between(first, stop) for view in self.views))

    def first_frames(self, n: int) -> Fields:
        """Keep the first n frames, reading nothing."""
        return self.between(0, n)

    def blocks(self) -> Iterator[Block]:
        """Read every sample once, file by file, in blocks of at most BLOCK_BYTES.

        Blocks hold whole samples. A sample that is too large is read in several blocks of frames.
        """
        for i in np.unique(self.source):
            view, rows = self.views[i], np.flatnonzero(self.source == i)
            rows = rows[np.argsort(self.position[rows], kind="stable")]
            positions = self.position[rows]
            at_once, frames_at_once = _block_size(view)
            runs = _runs(np.unique(positions), at_once, _gap(view.store))
            for frames in _ranges(view.shape[0], frames_at_once):
                window = view.between(frames.start, frames.stop).window
                for (start, stop), block in zip(runs, view.store.blocks(runs, window), strict=True):
                    inside = slice(*np.searchsorted(positions, (start, stop)))
                    yield Block(rows[inside], frames, block[positions[inside] - start], view.store.name)

    def in_order(
        self, most: int
    ) -> Iterator[tuple[slice, slice, Float[np.ndarray, "row time *space channel"]]]:
        """Read every sample once, in order; yield (samples, frames, u[samples, frames]).

        A block holds at most `most` samples and BLOCK_BYTES. A sample that is too large comes in several blocks of
        frames, one after the other.

        Raises:
            NotFinite: samples hold NaN or infinity; raised after all others were read, so that all are named.
        """
        errors: list[NotFinite] = []
        per_frame = _bytes(self.shape[2:])
        at_once = min(most, max(1, BLOCK_BYTES // max(per_frame * self.shape[1], 1)))
        frames_at_once = max(1, BLOCK_BYTES // per_frame)
        for samples in _ranges(len(self.source), at_once):
            chosen = self.select(np.arange(samples.start, samples.stop))
            for frames in _ranges(self.shape[1], frames_at_once):
                try:
                    yield samples, frames, chosen.between(frames.start, frames.stop).read()
                except NotFinite as error:
                    errors.append(error)
        if errors:
            raise NotFinite.joined(errors, len(self.source))

    def finite(self) -> np.ndarray:
        """Read every sample once; return a mask [sample] of those without NaN and infinity."""
        good = np.ones(len(self.source), bool)
        for rows, _, block, _ in self.blocks():
            good[rows] &= finite_samples(block)
        return good

    def check_finite(self, good: np.ndarray | None = None) -> None:
        """Raise NotFinite unless all samples are finite, by a mask [sample] or by reading all samples."""
        good = self.finite() if good is None else good
        if not good.all():
            raise NotFinite(self.select(np.flatnonzero(~good)).positions, len(self.source))

    def read(self) -> Float[np.ndarray, "sample time *space channel"]:
        """Read every sample as float32.

        Raises:
            NotFinite: a sample holds NaN or infinity; the message names the file and the samples.
        """
        u, good = np.empty(self.shape, np.float32), np.ones(len(self.source), bool)
        for rows, frames, block, _ in self.blocks():
            u[rows, frames] = block
            good[rows] &= finite_samples(block)
        self.check_finite(good)
        return u


def join(parts: Sequence[Fields]) -> Fields:
    """Return the samples of all parts, in order, as one `Fields`."""
    offsets = np.cumsum([0, *(len(p.views) for p in parts)])
    return Fields(
        views=tuple(view for p in parts for view in p.views),
        source=np.concatenate([p.source + o for p, o in zip(parts, offsets, strict=False)]),
        position=np.concatenate([p.position for p in parts]),
    )


def whole(store: Store, digests: FrameDigests | None = None) -> Fields:
    """Return all samples, frames and points of a store; its digests are computed if they are not given."""
    samples, frames = store.shape[:2]
    view = View(store, frames, digests or StoredDigests(store))
    return Fields((view,), np.zeros(samples, np.int64), np.arange(samples))


def _runs(positions: np.ndarray, limit: int, gap: int) -> list[tuple[int, int]]:
    """Cover sorted positions by ranges [start, stop) of at most `limit` samples, with gaps of at most `gap` samples."""
    runs: list[tuple[int, int]] = []
    for p in positions.tolist():
        if runs and p - runs[-1][1] <= gap and p + 1 - runs[-1][0] <= limit:
            runs[-1] = (runs[-1][0], p + 1)
        else:
            runs.append((p, p + 1))
    return runs


def _ranges(count: int, at_once: int) -> Iterator[slice]:
    """Cut 0..count-1 into ranges of at most `at_once`."""
    for start in range(0, count, at_once):
        yield slice(start, min(start + at_once, count))


def _bytes(shape: Sequence[int]) -> int:
    """Return the size of an array in float64, the largest type that is stored."""
    return 8 * math.prod(shape)


def _block_size(view: View) -> tuple[int, int]:
    """Return how many samples and how many frames of a view to read at once; frames that are skipped count as well."""
    frame = _bytes(view.store.shape[2:])
    samples = BLOCK_BYTES // (frame * max(view.time_stop - view.time_start, 1))
    frames = (max(BLOCK_BYTES // frame, 1) - 1) // view.time_step + 1
    return max(samples, 1), view.shape[0] if samples else frames


def _gap(store: Store) -> int:
    return min(GAP, GAP_BYTES // (4 * int(np.prod(store.shape[1:]))))
