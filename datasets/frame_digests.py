"""Digests of frames as they are stored: what identifies an initial condition, whatever the file and the row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Int

from cape.datasets.stores import Store

if TYPE_CHECKING:
    from cape.datasets.fields import Fields

DIGEST_BYTES = 10  # of a digest: among a million frames, two are confused with a probability of 1e-12
_MOST_BYTES = 2**26  # of frames that are read at once
_GAP_BYTES = 2**16  # unwanted frames between two wanted ones are read too if they are smaller together


class FrameDigests(Protocol):
    """Compute the digests of frames of a store."""

    def of(self, positions: Int[np.ndarray, " row"], frame: int) -> list[str]:
        """Return the digest of this frame of every sample at these positions; of the last one if there are fewer."""
        ...


@dataclass(frozen=True, eq=False)
class StoredDigests:
    """The digests of a store's frames, which are read when they are asked for, once.

    A digest is that of the whole frame of all channels, rounded to float32, so sub-sampling does not change it, nor
    does storing the same numbers as float64.
    """

    store: Store
    _known: dict[tuple[int, int], str] = field(default_factory=dict)  # by position and frame

    def of(self, positions: Int[np.ndarray, " row"], frame: int) -> list[str]:
        frame = min(frame, self.store.shape[1] - 1)
        lacking = sorted({p for p in positions.tolist() if (p, frame) not in self._known})
        space = (slice(None),) * (len(self.store.shape) - 3)
        runs = list(_runs(lacking, 4 * int(np.prod(self.store.shape[2:]))))
        blocks = self.store.blocks(runs, (slice(frame, frame + 1), *space)) if runs else ()
        for (start, stop), block in zip(runs, blocks, strict=True):
            for position, u in zip(range(start, stop), block, strict=True):
                self._known[position, frame] = digest(u)
        return [self._known[p, frame] for p in positions.tolist()]


@dataclass(frozen=True, eq=False)
class DigestsOfCopies:
    """The digests of fields of which a copy was made, sample by sample: those of the original."""

    original: Fields

    def of(self, positions: Int[np.ndarray, " row"], frame: int) -> list[str]:
        return self.original.select(positions).digests(frame)


def digest(u: np.ndarray) -> str:
    """Return the digest of an array as float32; zeros of both signs are equal."""
    values = np.ascontiguousarray(u, "<f4") + np.float32(0)
    found = hashlib.blake2b(repr(u.shape).encode(), digest_size=DIGEST_BYTES)
    found.update(values.data)
    return found.hexdigest()


def _runs(positions: Sequence[int], frame_bytes: int) -> Iterator[tuple[int, int]]:
    """Cover sorted positions by ranges [start, stop)."""
    most, gap = max(_MOST_BYTES // frame_bytes, 1), _GAP_BYTES // frame_bytes
    start = stop = -1
    for p in positions:
        if start >= 0 and p - stop <= gap and p + 1 - start <= most:
            stop = p + 1
            continue
        if start >= 0:
            yield start, stop
        start, stop = p, p + 1
    if start >= 0:
        yield start, stop
