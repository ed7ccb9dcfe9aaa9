"""Samplings: with what probability each training trajectory is drawn in an epoch.

A sampling answers one question, `probabilities(progress, difficulty)`. Progress is that of `Curriculum.plan`. The
setting `by` selects the difficulty of a trajectory: the name of a PDE parameter; "loss", the error of the model's
own rollout at the beginning of the epoch; or "random", a fixed random number.
"""

import abc
import dataclasses
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from cape.datasets.trajectories import Trajectories
from cape.registry import Registry, nearest

PerTrajectory = Float[np.ndarray, " trajectory"]
LOSS, RANDOM = "loss", "random"
_LARGEST_LOSS = 1e6  # stands for the loss of trajectories that diverged


class Sampling(abc.ABC):
    """A sampling: a frozen dataclass of its settings.

    Attributes:
        by: what the difficulty is.
        every_once: every trajectory comes once an epoch, in random order. `probabilities` must still be defined, and is
            never called.
    """

    by: str = RANDOM
    every_once: ClassVar[bool] = False

    @abc.abstractmethod
    def probabilities(self, progress: float, difficulty: PerTrajectory) -> PerTrajectory:
        """Return the probability with which each trajectory is drawn; they sum to 1.

        Args:
            progress: of the training after the warm-up, in [0, 1).
            difficulty: [trajectory], what `by` selects: values of a parameter, losses, or random numbers in [0, 1).
        """


SAMPLINGS: Registry[type[Sampling]] = Registry("sampling", Sampling, ["cape.training.sampling", "cape.paper"])


@SAMPLINGS.register("every-trajectory")
@dataclasses.dataclass(frozen=True)
class EveryTrajectory(Sampling):
    """Draw every trajectory once an epoch, in random order."""

    every_once: ClassVar[bool] = True

    def probabilities(self, progress: float, difficulty: PerTrajectory) -> PerTrajectory:
        return np.full(len(difficulty), 1 / len(difficulty))


@SAMPLINGS.register("ordered")
@dataclasses.dataclass(frozen=True)
class Ordered(Sampling):
    """Draw from a part of the trajectories that grows from the fraction `start` to all of them at progress `end`.

    The part begins with the least difficult ones, or with the most difficult ones if `descending`.
    """

    by: str = LOSS
    descending: bool = False
    start: float = 0.2
    end: float = 0.6

    def __post_init__(self):
        if not (0 < self.start <= 1 and 0 < self.end <= 1):
            raise ValueError(f"sampling: expected start and end in (0, 1], got {self.start} and {self.end}")

    def probabilities(self, progress: float, difficulty: PerTrajectory) -> PerTrajectory:
        part = min(self.start + (1 - self.start) * progress / self.end, 1.0)
        return _first(part, difficulty, self.descending)


@SAMPLINGS.register("cyclical")
@dataclasses.dataclass(frozen=True)
class Cyclical(Sampling):
    """Draw from a random part that shrinks from all trajectories to `smallest` and grows again, `cycles` times."""

    smallest: float = 0.25
    cycles: int = 4

    def __post_init__(self):
        if not (0 < self.smallest <= 1 and self.cycles >= 1):
            raise ValueError(
                "sampling: expected smallest in (0, 1] and at least one cycle, got "
                f"{self.smallest} and {self.cycles}"
            )

    def probabilities(self, progress: float, difficulty: PerTrajectory) -> PerTrajectory:
        swing = (1 + math.cos(2 * math.pi * self.cycles * progress)) / 2
        return _first(self.smallest + (1 - self.smallest) * swing, difficulty, False)


@SAMPLINGS.register("weighted")
@dataclasses.dataclass(frozen=True)
class Weighted(Sampling):
    """Draw with probabilities proportional to a power of the difficulty. A negative power prefers easy trajectories."""

    by: str = LOSS
    power: float = 1.0

    def probabilities(self, progress: float, difficulty: PerTrajectory) -> PerTrajectory:
        weights = np.maximum(difficulty, 1e-3 * difficulty.max()) ** self.power
        return weights / weights.sum()


class TrajectorySampler:
    """Compute the probabilities of each epoch.

    Attributes:
        probabilities: those of the present epoch, or None if every trajectory comes once.

    Args:
        sampling: the settings.
        training: the trajectories that are drawn from.
        measure: trajectories -> (params, model_state) -> loss of each of them, see `Validation`.
        seed: of everything random.

    Raises:
        ValueError: `by` is not the name of a parameter of the data, "loss" or "random".
    """

    def __init__(
        self,
        sampling: Sampling,
        training: Trajectories,
        measure: Callable[[Trajectories], Callable[[Any, Any], PerTrajectory]],
        seed: int,
    ):
        self.sampling = sampling
        self.probabilities: PerTrajectory | None = None
        names = training.parameter_names
        if sampling.by not in (*names, LOSS, RANDOM):
            known = nearest(sampling.by, (*names, LOSS, RANDOM))
            raise ValueError(f"training.sampling.by: got {sampling.by!r}; {known}")
        self._losses = measure(training) if sampling.by == LOSS else None
        if sampling.by in names:
            self._difficulty = training.parameters[:, names.index(sampling.by)]
        else:
            self._difficulty = np.random.default_rng(seed).random(training.samples)

    def begin_epoch(self, progress: float, params: Any, model_state: Any) -> None:
        """Set the probabilities of an epoch that begins with these weights."""
        if self.sampling.every_once:
            return
        difficulty = self._difficulty
        if self._losses is not None:
            losses = self._losses(params, model_state)
            losses = losses.reshape(-1, losses.shape[-1]).mean(0)  # over the members of an ensemble
            difficulty = np.nan_to_num(losses, nan=_LARGEST_LOSS, posinf=_LARGEST_LOSS)
        self.probabilities = self.sampling.probabilities(progress, difficulty).astype(np.float32)


def _first(part: float, order: PerTrajectory, descending: bool) -> PerTrajectory:
    """Give equal probabilities to the first `part` of an order, and zero to the others."""
    rank = np.argsort(np.argsort(-order if descending else order, kind="stable"))
    chosen = rank < max(round(part * len(order)), 1)
    return chosen / chosen.sum()
