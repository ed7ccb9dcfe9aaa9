"""Curricula: which inputs of a trajectory are true frames and which are the model's own predictions, over training.

A curriculum answers one question, `plan(progress, transitions)`: how much of a trajectory is autoregressive at this
point of the training. Progress is (epoch − warm-up) / (epochs − warm-up), in [0, 1). A trajectory of T frames has T
− 1 transitions. The input of the first transition is always the true initial frame.
"""

import abc
import dataclasses
import math
from typing import ClassVar

from cape.registry import Registry


@dataclasses.dataclass(frozen=True)
class Plan:
    """How inputs are computed in one epoch.

    Attributes:
        autoregressive: the input at frame t is the model's prediction if 1 <= t < autoregressive, else the true frame.
        pushes: how many times every remaining input is replaced by the prediction from the input before it, all at once
            (pushforward); 0 leaves them true.
    """

    autoregressive: int
    pushes: int = 0


class Curriculum(abc.ABC):
    """A curriculum: a frozen dataclass of its settings.

    Attributes:
        pushes_forward: its plans have pushes. Backpropagation through time does not support them.
    """

    pushes_forward: ClassVar[bool] = False

    @abc.abstractmethod
    def plan(self, progress: float, transitions: int) -> Plan:
        """Return the plan of an epoch.

        Args:
            progress: of the training after the warm-up, in [0, 1).
            transitions: number of steps of a trajectory.
        """


CURRICULA: Registry[type[Curriculum]] = Registry(
    "curriculum", Curriculum, ["cape.training.curriculum", "cape.paper"]
)


@CURRICULA.register("teacher-forcing")
@dataclasses.dataclass(frozen=True)
class TeacherForcing(Curriculum):
    """Every input is a true frame."""

    def plan(self, progress: float, transitions: int) -> Plan:
        return Plan(autoregressive=1)


@CURRICULA.register("autoregressive")
@dataclasses.dataclass(frozen=True)
class Autoregressive(Curriculum):
    """Every input except the initial frame is the model's own prediction, from the first epoch on."""

    def plan(self, progress: float, transitions: int) -> Plan:
        return Plan(autoregressive=transitions)


@CURRICULA.register("pushforward")
@dataclasses.dataclass(frozen=True)
class Pushforward(Curriculum):
    """Every input is the prediction `pushes` steps after a true frame (Brandstetter et al., arXiv 2202.03376)."""

    pushes_forward: ClassVar[bool] = True
    pushes: int = 1

    def __post_init__(self):
        if self.pushes < 1:
            raise ValueError(f"pushforward: expected pushes of at least 1, got {self.pushes}")

    def plan(self, progress: float, transitions: int) -> Plan:
        return Plan(autoregressive=1, pushes=self.pushes)


@CURRICULA.register("tanh-transition")
@dataclasses.dataclass(frozen=True)
class TanhTransition(Curriculum):
    """From teacher forcing to autoregressive along g = (1 + tanh((s − center) / width)) / 2, as published.

    autoregressive = clip(⌊frames · g⌋, 1, transitions) at progress s.
    """

    center: float = 0.5
    width: float = 0.2

    def __post_init__(self):
        if self.width <= 0:
            raise ValueError(f"tanh transition: expected a positive width, got {self.width}")

    def plan(self, progress: float, transitions: int) -> Plan:
        return plan_of_fraction((1 + math.tanh((progress - self.center) / self.width)) / 2, transitions)


@CURRICULA.register("linear-transition")
@dataclasses.dataclass(frozen=True)
class LinearTransition(Curriculum):
    """From teacher forcing at progress `start` to autoregressive at progress `end`, linearly."""

    start: float = 0.0
    end: float = 1.0

    def __post_init__(self):
        if not self.start < self.end:
            raise ValueError(f"linear transition: expected start < end, got {self.start} and {self.end}")

    def plan(self, progress: float, transitions: int) -> Plan:
        return plan_of_fraction((progress - self.start) / (self.end - self.start), transitions)


@CURRICULA.register("cosine-transition")
@dataclasses.dataclass(frozen=True)
class CosineTransition(Curriculum):
    """From teacher forcing to autoregressive along g = (1 − cos(π s)) / 2."""

    def plan(self, progress: float, transitions: int) -> Plan:
        return plan_of_fraction((1 - math.cos(math.pi * progress)) / 2, transitions)


@CURRICULA.register("step-transition")
@dataclasses.dataclass(frozen=True)
class StepTransition(Curriculum):
    """Teacher forcing before progress `at`, autoregressive afterwards."""

    at: float = 0.5

    def plan(self, progress: float, transitions: int) -> Plan:
        return plan_of_fraction(float(progress >= self.at), transitions)


def plan_of_fraction(g: float, transitions: int) -> Plan:
    """Return the plan in which a fraction g of a trajectory's frames is autoregressive."""
    return Plan(autoregressive=min(max(math.floor((transitions + 1) * g), 1), transitions))
