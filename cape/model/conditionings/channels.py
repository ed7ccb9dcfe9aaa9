"""Parameter channels: the PDE parameters as further input channels of the base solver."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.model.conditioning import CONDITIONINGS, BuildSolver, Conditioning, ConditioningConfig, Prediction
from cape.model.conditionings.unconditioned import OUTPUT_SCALE
from cape.model.embedding import clip_parameters, logarithmic
from cape.problem import Problem


def append_parameters(
    u: Float[Array, "batch *space channel"], p: Float[Array, "batch parameter"]
) -> Float[Array, "batch *space channel_and_parameter"]:
    """Append the parameters, repeated over space, to the channels of u."""
    repeated = p.reshape(u.shape[0], *(1,) * (u.ndim - 2), -1)
    return jnp.concatenate([u, jnp.broadcast_to(repeated, (*u.shape[:-1], p.shape[-1]))], -1)


class ParameterChannels(Conditioning):
    """Predict u(t + dt) = u + base(concat(u, log p)), with log p scaled to the trained range (`logarithmic`)."""

    def __init__(self, problem: Problem, build_solver: BuildSolver):
        channels = len(problem.channels)
        self.low, self.high, self.scale = problem.low, problem.high, problem.scale
        self.clipped = len(problem.parameters) - problem.frame_statistics
        self.base = build_solver(channels + len(problem.parameters), channels)
        self.base.scale_output(OUTPUT_SCALE)

    def prepare(self, p: Float[Array, "batch parameter"]) -> Float[Array, "batch parameter"]:
        return logarithmic(clip_parameters(p, self.low, self.high, self.clipped), *self.scale)

    def __call__(
        self, u: Float[Array, "batch *space channel"], prepared: Float[Array, "batch parameter"]
    ) -> Prediction:
        return Prediction(u + self.base(append_parameters(u, prepared)), None)


@CONDITIONINGS.register("channels")
@dataclasses.dataclass(frozen=True)
class ParameterChannelsConfig(ConditioningConfig):
    """The logarithms of the parameters as further input channels."""

    divides_space: ClassVar[bool] = True

    def build(self, problem: Problem, build_solver: BuildSolver, *, rngs: nnx.Rngs) -> ParameterChannels:
        return ParameterChannels(problem, build_solver)
