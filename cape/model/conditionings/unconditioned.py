"""No conditioning: the base solver does not see the PDE parameters."""

import dataclasses
from typing import ClassVar

from flax import nnx
from jaxtyping import Array, Float

from cape.model.conditioning import CONDITIONINGS, BuildSolver, Conditioning, ConditioningConfig, Prediction
from cape.problem import Problem

OUTPUT_SCALE = 0.1  # of a base solver's last layer, so that a residual prediction starts near persistence


class Unconditioned(Conditioning):
    """Predict u(t + dt) = u + base(u)."""

    def __init__(self, problem: Problem, build_solver: BuildSolver):
        channels = len(problem.channels)
        self.base = build_solver(channels, channels)
        self.base.scale_output(OUTPUT_SCALE)

    def prepare(self, p: Float[Array, "batch parameter"]) -> tuple[()]:
        return ()

    def __call__(self, u: Float[Array, "batch *space channel"], prepared: tuple[()]) -> Prediction:
        return Prediction(u + self.base(u), None)


@CONDITIONINGS.register("unconditioned")
@dataclasses.dataclass(frozen=True)
class UnconditionedConfig(ConditioningConfig):
    """No conditioning: the base solver does not see the PDE parameters."""

    uses_parameters: ClassVar[bool] = False
    divides_space: ClassVar[bool] = True

    def build(self, problem: Problem, build_solver: BuildSolver, *, rngs: nnx.Rngs) -> Unconditioned:
        return Unconditioned(problem, build_solver)
