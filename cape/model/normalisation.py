"""Normalisation: the contract of wrappers that bring fields to mean 0 and standard deviation 1 for a network."""

import abc
from typing import Any, ClassVar

from flax import nnx
from jaxtyping import Array, Float

from cape.model.conditioning import Conditioning, Prediction
from cape.problem import Problem
from cape.registry import Registry


class Normalisation(nnx.Module):
    """Advance a state in physical units with a conditioning that works in normalised units.

    A subclass registers itself in `NORMALISATIONS`. Its constructor takes what `__init__` below takes.

    Attributes:
        inner_problem: the problem that the conditioning is built for. It may have more parameters than the data: the
            last `inner_problem.frame_statistics` of them are statistics of the frame.
        divides_space: the result is the same if several devices share the first axis of space.
        channel_std: the unit of noise and of error floors in a training, one number per channel, physical units.

    Args:
        problem: names and statistics of the training data.
        uses_parameters: whether the conditioning sees the PDE parameters.
        history: how many frames a state holds, concatenated as channels.
    """

    divides_space: ClassVar[bool] = False
    inner_problem: Problem
    channel_std: tuple[float, ...]

    @abc.abstractmethod
    def __init__(self, problem: Problem, *, uses_parameters: bool, history: int): ...

    @abc.abstractmethod
    def prepare(self, conditioning: Conditioning, p: Float[Array, "batch parameter"]) -> Any:
        """Compute everything that depends on the parameters only: a pytree whose leaves start with the batch axis."""

    @abc.abstractmethod
    def __call__(
        self, conditioning: Conditioning, u: Float[Array, "batch *space history_channel"], prepared: Any
    ) -> Prediction:
        """Advance u, given the result of `prepare`; u and the prediction are in physical units."""


NORMALISATIONS: Registry[type[Normalisation]] = Registry(
    "normalisation", Normalisation, ["cape.model.normalisations", "cape.paper"]
)
