"""Curricula: which inputs of a trajectory are the truth and which the model's own prediction, over training.

A curriculum is data. It answers one question, `plan(progress, transitions)`: how far, at this point of the
training, predictions are fed back. Progress is (epoch − warm-up) / (epochs − warm-up), in [0, 1). A trajectory
of T frames has T − 1 transitions; the input of the first one is always the true initial frame.
"""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Plan:
    """How inputs are made in one epoch.

    Attributes:
        feedback: n_ar; the input at frame t is the prediction for it where 1 <= t < feedback, else the truth.
        pushes: number of times every remaining input is replaced by the prediction from the input before it,
            all at once (pushforward); 0 leaves them true.
    """

    feedback: int
    pushes: int = 0


@dataclasses.dataclass(frozen=True)
class TeacherForcing:
    """Every input is true."""

    def plan(self, progress: float, transitions: int) -> Plan:
        return Plan(feedback=1)


@dataclasses.dataclass(frozen=True)
class Autoregressive:
    """Every input but the initial frame is the model's own prediction, from the first epoch on."""

    def plan(self, progress: float, transitions: int) -> Plan:
        return Plan(feedback=transitions)


@dataclasses.dataclass(frozen=True)
class Pushforward:
    """Every input is the prediction `pushes` steps on from a true frame (Brandstetter et al., arXiv 2202.03376)."""

    pushes: int = 1

    def __post_init__(self):
        if self.pushes < 1:
            raise ValueError(f"pushforward: expected pushes of at least 1, got {self.pushes}")

    def plan(self, progress: float, transitions: int) -> Plan:
        return Plan(feedback=1, pushes=self.pushes)


@dataclasses.dataclass(frozen=True)
class TanhTransition:
    """From teacher forcing to autoregressive along g = (1 + tanh((s − center) / width)) / 2, as published.

    n_ar = clip(⌊frames · g⌋, 1, transitions) at progress s.
    """

    center: float = 0.5
    width: float = 0.2

    def __post_init__(self):
        if self.width <= 0:
            raise ValueError(f"tanh transition: expected a positive width, got {self.width}")

    def plan(self, progress: float, transitions: int) -> Plan:
        return _fraction((1 + math.tanh((progress - self.center) / self.width)) / 2, transitions)


@dataclasses.dataclass(frozen=True)
class LinearTransition:
    """From teacher forcing at progress `start` to autoregressive at `end`, in proportion."""

    start: float = 0.0
    end: float = 1.0

    def __post_init__(self):
        if not self.start < self.end:
            raise ValueError(f"linear transition: expected start < end, got {self.start} and {self.end}")

    def plan(self, progress: float, transitions: int) -> Plan:
        return _fraction((progress - self.start) / (self.end - self.start), transitions)


@dataclasses.dataclass(frozen=True)
class CosineTransition:
    """From teacher forcing to autoregressive along g = (1 − cos(π s)) / 2."""

    def plan(self, progress: float, transitions: int) -> Plan:
        return _fraction((1 - math.cos(math.pi * progress)) / 2, transitions)


@dataclasses.dataclass(frozen=True)
class StepTransition:
    """Teacher forcing before progress `at`, autoregressive from there on."""

    at: float = 0.5

    def plan(self, progress: float, transitions: int) -> Plan:
        return _fraction(float(progress >= self.at), transitions)


Curriculum = (
    TanhTransition
    | TeacherForcing
    | Autoregressive
    | Pushforward
    | LinearTransition
    | CosineTransition
    | StepTransition
)


def _fraction(g: float, transitions: int) -> Plan:
    return Plan(feedback=min(max(math.floor((transitions + 1) * g), 1), transitions))
