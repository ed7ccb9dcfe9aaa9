"""Displacements inside a base solver as products of powers of the PDE parameters, and as linear functions of them."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.model.embedding import linear, logarithmic
from cape.problem import Problem
from cape.solvers.layers.initialisation import ElementwiseParam

_LARGEST_LOG_GAIN = 6.0


class ParameterPowers(nnx.Module):
    """Compute a gain and an offset for every displacement field of a base solver from the parameters.

        s <- Π_q q^E_q s + Σ_q O_q q/q̂

    A displacement over one step is a velocity times the time step, so it is a product of powers of the parameters, as
    in dimensional analysis, plus a uniform drift that is proportional to the parameters. This structure holds at values
    that were never trained on. The product is exp(E z) with z the logarithm of q, scaled to the trained range as in
    `cape.model.embedding.logarithmic`, which is finite at q = 0. All E and O start at zero.

    Args:
        problem: gives the trained range of the parameters; statistics of the frame are among them.
        channels: number of displacements in each hidden map.
    """

    def __init__(self, problem: Problem, channels: tuple[int, ...]):
        self.scale, self.channels = problem.scale, tuple(channels)
        shape = (len(problem.parameters), sum(channels))
        self.exponent = ElementwiseParam(jnp.zeros(shape, jnp.float32))
        self.drift = ElementwiseParam(jnp.zeros(shape, jnp.float32))

    @jax.default_matmul_precision("highest")
    def vectors(self, p: Float[Array, "batch parameter"]) -> tuple[Float[Array, "batch _"], ...]:
        """Compute gain - 1 and offset of every map, concatenated, as `ChannelAttention.vectors` does."""
        logarithm = logarithmic(p, *self.scale) @ self.exponent[...]
        gain = jnp.expm1(jnp.clip(logarithm, -_LARGEST_LOG_GAIN, _LARGEST_LOG_GAIN))
        offset = linear(p, *self.scale) @ self.drift[...]
        ends = [sum(self.channels[: i + 1]) for i in range(len(self.channels) - 1)]
        parts = zip(jnp.split(gain, ends, -1), jnp.split(offset, ends, -1), strict=True)
        return tuple(jnp.concatenate(part, -1) for part in parts)
