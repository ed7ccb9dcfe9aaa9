"""Which samples have the same initial condition: their first frames decide, or numbers that were given."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from cape.datasets.frame_digests import DIGEST_BYTES
from cape.datasets.trajectories import Numbering, Trajectories


class Identities(NamedTuple):
    """What identifies the initial conditions of samples.

    Attributes:
        of_samples: the digest of the first frame of each sample, or of its parameters and first two frames if the first
            frame is ambiguous.
        first_frames: the digest of the first frame of each sample.
        ambiguous: digests of first frames from which different trajectories start.
    """

    of_samples: list[str]
    first_frames: list[str]
    ambiguous: frozenset[str]


@dataclass(frozen=True)
class ConditionRecord:
    """The initial conditions that a surrogate was trained or validated on, as split.json keeps them.

    Attributes:
        numbers: their numbers in the training data, sorted.
        numbering: where these numbers come from.
        identities: see `Identities.of_samples`, sorted.
        ambiguous: see `Identities.ambiguous`, sorted.
        earlier: those of the surrogate that the training started from, if there was one.
    """

    numbers: tuple[int, ...]
    numbering: Numbering
    identities: tuple[str, ...]
    ambiguous: tuple[str, ...] = ()
    earlier: ConditionRecord | None = None

    @classmethod
    def of(cls, parts: Sequence[Trajectories], earlier: ConditionRecord | None = None) -> ConditionRecord:
        """Record the initial conditions of the training and of the validation data. Reads their first frames."""
        samples = [(part, identify(part)) for part in parts if part.samples]
        ambiguous = frozenset().union(*(found.ambiguous for _, found in samples))
        identities = [identify(part, ambiguous).of_samples for part, _ in samples]
        return cls(
            numbers=tuple(sorted({int(n) for part in parts for n in part.initial_conditions})),
            numbering=parts[0].numbering,
            identities=tuple(sorted(set().union(*identities))),
            ambiguous=tuple(sorted(ambiguous)),
            earlier=earlier,
        )

    def holds(self, trajectories: Trajectories) -> Bool[np.ndarray, " sample"]:
        """Mark the samples whose initial condition is recorded. Reads first frames, unless numbers were given.

        Given numbers are compared with given numbers. Otherwise equal first frames are equal initial conditions. In
        simulated files, equal numbers also are, as other parameters or another grid can change the first frame of the
        same draw.
        """
        before = self.earlier.holds(trajectories) if self.earlier else np.zeros(trajectories.samples, bool)
        return before | self._holds(trajectories)

    def _holds(self, trajectories: Trajectories) -> Bool[np.ndarray, " sample"]:
        numbers = np.isin(trajectories.initial_conditions, self.numbers)
        if self.numbering == trajectories.numbering == "given":
            return numbers
        found = identify(trajectories, self.ambiguous)
        same = _isin(found.of_samples, self.identities) | _isin(found.first_frames, self.identities)
        return same | numbers if self.numbering == trajectories.numbering == "seed" else same


def identify(trajectories: Trajectories, ambiguous: Collection[str] = ()) -> Identities:
    """Identify the initial condition of each sample. Reads first frames, and second ones only if these are ambiguous.

    A first frame is ambiguous if trajectories with equal parameters start from it and differ, or if all initial
    conditions with different numbers have it. This is so in flows that start from rest.

    Args:
        ambiguous: digests of further first frames that are known to be ambiguous.
    """
    first = trajectories.fields.digests()
    starts = [(d, p.tobytes()) for d, p in zip(first, trajectories.parameters, strict=True)]
    repeated = {d for (d, _), count in Counter(starts).items() if count > 1}
    known = set(ambiguous)
    if len(set(first)) == 1 and len(np.unique(trajectories.initial_conditions)) > 1:
        known |= set(first)
    samples = [i for i, d in enumerate(first) if d in repeated | known]
    courses = dict(zip(samples, _courses(trajectories, samples), strict=True))
    expected: dict[tuple[str, bytes], str] = {}
    for i, course in courses.items():
        if expected.setdefault(starts[i], course) != course:
            known.add(first[i])
    found = [courses[i] if d in known else d for i, d in enumerate(first)]
    return Identities(found, first, frozenset(known))


def number_by_content(trajectories: Trajectories) -> Trajectories:
    """Number initial conditions anew if equal ones have several numbers, such as in files in another order.

    The new numbers depend on the set of initial conditions only. Numbers that were given or come from a seed are kept,
    which reads nothing. Otherwise first frames are read. Numbers that nothing contradicts are kept, and so are those of
    trajectories that all start alike: samples of one number then stay together, even if their first frames differ.
    """
    if trajectories.numbering != "position" or trajectories.samples == 0:
        return trajectories
    found, numbers = identify(trajectories), trajectories.initial_conditions.tolist()
    contradicted = len(set(found.of_samples)) < len(set(zip(found.of_samples, numbers, strict=True)))
    if not contradicted or len(set(found.first_frames)) == 1:
        return trajectories
    _, ranks = np.unique(found.of_samples, return_inverse=True)
    return replace(trajectories, initial_conditions=ranks.astype(np.int64))


def note_of_ambiguity(trajectories: Trajectories) -> str:
    """Return a line that says so if first frames are ambiguous, or an empty text. Reads first frames."""
    found = identify(trajectories)
    count = sum(first in found.ambiguous for first in found.first_frames)
    return (
        f"note: {count} of {trajectories.samples} samples have a first frame from which different trajectories start; "
        "they are compared with other data by parameters and first two frames\n"
        if count
        else ""
    )


def _courses(trajectories: Trajectories, samples: Sequence[int]) -> list[str]:
    """Return the digest of the parameters and the first two frames of each of these samples."""
    chosen = trajectories.select(samples)
    frames = zip(chosen.fields.digests(0), chosen.fields.digests(1), strict=True)
    values = np.ascontiguousarray(chosen.parameters, "<f8")
    return [
        hashlib.blake2b(" ".join(pair).encode() + row.tobytes(), digest_size=DIGEST_BYTES).hexdigest()
        for pair, row in zip(frames, values, strict=True)
    ]


def _isin(texts: Sequence[str], known: Collection[str]) -> Bool[np.ndarray, " sample"]:
    known = frozenset(known)
    return np.array([text in known for text in texts], bool)
