"""Conditioning: the contract of wrappers that make a base solver depend on the PDE parameters."""

import abc
from typing import Any, ClassVar, NamedTuple

from flax import nnx
from jaxtyping import Array, Float

from cape.problem import Problem
from cape.registry import Registry
from cape.solvers.fitted import BuildSolver as BuildSolver
from cape.solvers.solver import BaseSolver


class Prediction(NamedTuple):
    """The result of one step.

    Attributes:
        next: the predicted next state.
        first_guess: the conditioning's first guess of it, or None if the conditioning makes none.
    """

    next: Float[Array, "batch *space channel"]
    first_guess: Float[Array, "batch *space channel"] | None


class Conditioning(nnx.Module):
    """A base solver that depends on the PDE parameters. All fields are in normalised units.

    Implementations are built by a `ConditioningConfig`.

    Attributes:
        base: the base solver.
        first_guess_modules: names of the attributes that compute the first guess. The warm-up of a training changes
            their weights only. Empty for a conditioning without a first guess, which then has no warm-up.
    """

    base: BaseSolver
    first_guess_modules: ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def prepare(self, p: Float[Array, "batch parameter"]) -> Any:
        """Compute everything that depends on the parameters only: a pytree whose leaves start with the batch axis."""

    @abc.abstractmethod
    def __call__(self, u: Float[Array, "batch *space channel"], prepared: Any) -> Prediction:
        """Advance u by one step, given the result of `prepare`."""


class ConditioningConfig(abc.ABC):
    """The settings of a conditioning: a frozen dataclass that builds it.

    Attributes:
        uses_parameters: the model sees the PDE parameters.
        fixed_grid: the model works on the training grid only.
        divides_space: the model gives the same result if several devices share the first axis of space.
    """

    uses_parameters: ClassVar[bool] = True
    fixed_grid: ClassVar[bool] = False
    divides_space: ClassVar[bool] = False

    @abc.abstractmethod
    def build(self, problem: Problem, build_solver: BuildSolver, *, rngs: nnx.Rngs) -> Conditioning:
        """Build the conditioning around a base solver.

        Args:
            problem: names, statistics and trained ranges of the data. The last `problem.frame_statistics` of its
                parameters are statistics of the frame and not PDE parameters.
            build_solver: builds the base solver from its numbers of input and output channels.
        """


CONDITIONINGS: Registry[type[ConditioningConfig]] = Registry(
    "conditioning", ConditioningConfig, ["cape.model.conditionings", "cape.paper"]
)
