"""Parameter channels in their published form: the parameters themselves, and no residual connection."""

import dataclasses

from flax import nnx
from jaxtyping import Array, Float

from cape.model.conditioning import CONDITIONINGS, BuildSolver, Conditioning, ConditioningConfig, Prediction
from cape.model.conditionings.channels import append_parameters
from cape.problem import Problem


class PaperChannels(Conditioning):
    """Predict u(t + dt) = base(concat(u, p))."""

    def __init__(self, problem: Problem, build_solver: BuildSolver):
        channels = len(problem.channels)
        self.base = build_solver(channels + len(problem.parameters), channels)

    def prepare(self, p: Float[Array, "batch parameter"]) -> Float[Array, "batch parameter"]:
        return p

    def __call__(
        self, u: Float[Array, "batch *space channel"], prepared: Float[Array, "batch parameter"]
    ) -> Prediction:
        return Prediction(self.base(append_parameters(u, prepared)), None)


@CONDITIONINGS.register("paper-channels")
@dataclasses.dataclass(frozen=True)
class PaperChannelsConfig(ConditioningConfig):
    """The parameters as further input channels, as published."""

    def build(self, problem: Problem, build_solver: BuildSolver, *, rngs: nnx.Rngs) -> PaperChannels:
        return PaperChannels(problem, build_solver)
