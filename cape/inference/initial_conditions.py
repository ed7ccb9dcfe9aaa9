"""Initial conditions of predictions, and the contract of their sources."""

import abc
import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from cape.problem import Problem

Read = Callable[
    [slice, Float[np.ndarray, "sample parameter"]], Float[np.ndarray, "sample history *space channel"]
]


@dataclasses.dataclass(frozen=True, eq=False)
class InitialConditions:
    """Initial conditions that are read a few at a time.

    Attributes:
        read: (samples, their parameters) -> initial frames [sample, history, *space, channel], float32.
        coordinates: cell centres, one array per axis.
        numbers: [sample]; equal numbers mean equal initial conditions, across files.
        parameters: [sample, parameter] as the files give them, or None if the source has none.
        attributes: further facts about the source, written as attributes of the predicted file.
    """

    read: Read
    coordinates: tuple[Float[np.ndarray, " n"], ...]
    numbers: Int[np.ndarray, " sample"]
    parameters: Float[np.ndarray, "sample parameter"] | None = None
    attributes: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def samples(self) -> int:
        return len(self.numbers)

    @property
    def resolution(self) -> tuple[int, ...]:
        """Points along each axis."""
        return tuple(map(len, self.coordinates))


class InitialConditionSource(abc.ABC):
    """Where initial conditions come from: files, or the simulator of the surrogate's equation."""

    @abc.abstractmethod
    def open(self, problem: Problem, history: int = 1) -> InitialConditions:
        """Return the initial conditions for a surrogate of `problem`; no field is read yet.

        Args:
            problem: the surrogate's problem.
            history: how many initial frames a rollout takes.

        Raises:
            ValueError: the source does not fit the problem.
        """
