"""The base solver without conditioning in its published form: no residual connection."""

import dataclasses
from typing import ClassVar

from flax import nnx
from jaxtyping import Array, Float

from cape.model.conditioning import CONDITIONINGS, BuildSolver, Conditioning, ConditioningConfig, Prediction
from cape.problem import Problem


class PaperUnconditioned(Conditioning):
    """Predict u(t + dt) = base(u)."""

    def __init__(self, problem: Problem, build_solver: BuildSolver):
        channels = len(problem.channels)
        self.base = build_solver(channels, channels)

    def prepare(self, p: Float[Array, "batch parameter"]) -> tuple[()]:
        return ()

    def __call__(self, u: Float[Array, "batch *space channel"], prepared: tuple[()]) -> Prediction:
        return Prediction(self.base(u), None)


@CONDITIONINGS.register("paper-unconditioned")
@dataclasses.dataclass(frozen=True)
class PaperUnconditionedConfig(ConditioningConfig):
    """No conditioning, as published: the base solver does not see the PDE parameters."""

    uses_parameters: ClassVar[bool] = False

    def build(self, problem: Problem, build_solver: BuildSolver, *, rngs: nnx.Rngs) -> PaperUnconditioned:
        return PaperUnconditioned(problem, build_solver)
