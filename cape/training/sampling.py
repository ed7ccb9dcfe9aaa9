"""Data curricula: which trajectories of the training data an epoch draws from, and how often.

A data curriculum is data, like the curriculum of inputs (cape/training/curriculum.py). It answers one question,
`chances(progress, difficulty)`: with what probability each trajectory is drawn. Progress is that of `Curriculum.plan`;
the difficulty of a trajectory is what `by` names: a PDE parameter, "loss", the error of the model's own rollout at the
beginning of the epoch, or "random", a number that it keeps.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from cape.config import nearest
from cape.datasets.trajectories import Trajectories

PerTrajectory = Float[np.ndarray, " trajectory"]
LOSS, RANDOM = "loss", "random"
_LARGEST = 1e6  # of the losses of trajectories that left the range of numbers


@dataclasses.dataclass(frozen=True)
class EveryTrajectory:
    """Every trajectory once an epoch, in random order."""


@dataclasses.dataclass(frozen=True)
class Ordered:
    """Draw from a part of the trajectories that grows from `start` to all of them at progress `end`.

    The part begins with those of the least difficulty, or of the largest with `descending`.
    """

    by: str = LOSS
    descending: bool = False
    start: float = 0.2
    end: float = 0.6

    def __post_init__(self):
        if not (0 < self.start <= 1 and 0 < self.end <= 1):
            raise ValueError(f"sampling: expected start and end in (0, 1], got {self.start} and {self.end}")

    def chances(self, progress: float, difficulty: PerTrajectory) -> PerTrajectory:
        part = min(self.start + (1 - self.start) * progress / self.end, 1.0)
        return _first(part, difficulty, self.descending)


@dataclasses.dataclass(frozen=True)
class Cyclical:
    """Draw from a part that shrinks from all trajectories to `smallest` and grows again, `cycles` times."""

    smallest: float = 0.25
    cycles: int = 4
    by = RANDOM

    def __post_init__(self):
        if not (0 < self.smallest <= 1 and self.cycles >= 1):
            raise ValueError(
                "sampling: expected smallest in (0, 1] and at least one cycle, got "
                f"{self.smallest} and {self.cycles}"
            )

    def chances(self, progress: float, difficulty: PerTrajectory) -> PerTrajectory:
        swing = (1 + math.cos(2 * math.pi * self.cycles * progress)) / 2
        return _first(self.smallest + (1 - self.smallest) * swing, difficulty, False)


@dataclasses.dataclass(frozen=True)
class Weighted:
    """Draw by chances proportional to a power of the difficulty; a negative one spares what is hard."""

    by: str = LOSS
    power: float = 1.0

    def chances(self, progress: float, difficulty: PerTrajectory) -> PerTrajectory:
        weights = np.maximum(difficulty, 1e-3 * difficulty.max()) ** self.power
        return weights / weights.sum()


Sampling = EveryTrajectory | Ordered | Cyclical | Weighted


class Draw:
    """The chances of the present epoch, `now`; None where every trajectory comes once.

    Args:
        sampling: the data curriculum.
        training: its trajectories.
        measure: trajectories -> (params, rest) -> the loss of each of them, see `Validation`.
        seed: of what is random.

    Raises:
        ValueError: `by` names no parameter of the data.
    """

    def __init__(
        self,
        sampling: Sampling,
        training: Trajectories,
        measure: Callable[[Trajectories], Callable[[Any, Any], PerTrajectory]],
        seed: int,
    ):
        self.sampling, self.now = sampling, None
        by = getattr(sampling, "by", RANDOM)
        names = training.parameter_names
        if by not in (*names, LOSS, RANDOM):
            raise ValueError(f"training.sampling.by: got {by!r}; {nearest(by, (*names, LOSS, RANDOM))}")
        self.losses = measure(training) if by == LOSS else None
        if by in names:
            self.difficulty = training.parameters[:, names.index(by)]
        else:
            self.difficulty = np.random.default_rng(seed).random(training.samples)

    def begin(self, progress: float, params: Any, rest: Any) -> None:
        """Set the chances of an epoch that begins with these weights."""
        if isinstance(self.sampling, EveryTrajectory):
            return
        difficulty = self.difficulty
        if self.losses is not None:
            difficulty = np.nan_to_num(self.losses(params, rest), nan=_LARGEST, posinf=_LARGEST)
        self.now = self.sampling.chances(progress, difficulty).astype(np.float32)


def _first(part: float, order: PerTrajectory, descending: bool) -> PerTrajectory:
    """Give the first `part` of an order equal chances, and the others none."""
    rank = np.argsort(np.argsort(-order if descending else order, kind="stable"))
    chosen = rank < max(round(part * len(order)), 1)
    return chosen / chosen.sum()
