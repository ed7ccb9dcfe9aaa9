"""Channel attention: gains and offsets for the hidden channels of a solver, computed from the PDE parameters."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.model.embedding import EMBEDDINGS, EmbeddingName, clip_parameters
from cape.problem import Problem
from cape.solvers.layers.activation import gelu
from cape.solvers.layers.convolution import Pointwise
from cape.solvers.layers.layout import Features

_OUTPUT_SCALE = 0.3  # of the perceptron's last layer


class ChannelAttention(nnx.Module):
    """Compute a gain and an offset for every hidden channel of a solver from the parameters.

    (g, o) = W₂ gelu(W₁ e(p)), and the hidden map h becomes (1 + g) h + o. The embedding e(p) is log p by default, with
    the trained range scaled to [-1, 1]. The perceptron does not see p itself: three times the largest trained value is
    far from the trained values, while its logarithm is near them. W₂ starts at 0.3 times its usual size without bias,
    so that training starts close to the unconditioned solver.

    Args:
        problem: gives the trained range of the parameters.
        hidden_channels: channels of each modulated feature map (see `BaseSolver.hidden_channels`).
        width: hidden units of the perceptron.
        embedding: name of the embedding in `EMBEDDINGS`.

    Raises:
        ValueError: the embedding is unknown.
    """

    def __init__(
        self,
        problem: Problem,
        hidden_channels: tuple[int, ...],
        *,
        width: int,
        embedding: EmbeddingName = "logarithm",
        rngs: nnx.Rngs,
    ):
        if embedding not in EMBEDDINGS:
            raise ValueError(f"embedding: expected one of {', '.join(EMBEDDINGS)}, got {embedding!r}")
        self.low, self.high, self.hidden_channels = problem.low, problem.high, tuple(hidden_channels)
        self.scale = problem.scale
        self.clipped = len(problem.parameters) - problem.frame_statistics
        self.embed, features = EMBEDDINGS[embedding]
        self.first = Pointwise(features * len(problem.parameters), width, rngs=rngs)
        self.second = Pointwise(width, 2 * sum(hidden_channels), rngs=rngs)
        self.second.weight[...] = _OUTPUT_SCALE * self.second.weight[...]
        self.second.bias = nnx.Param(jnp.zeros(2 * sum(hidden_channels), jnp.float32))

    def vectors(self, p: Float[Array, "batch parameter"]) -> tuple[Float[Array, "batch _"], ...]:
        """Compute the gains and offsets of every feature map, concatenated: [batch, 2 * channels] for each map."""
        clipped = clip_parameters(p, self.low, self.high, self.clipped)
        both = self.second(gelu(self.first(self.embed(clipped, *self.scale).T))).T
        ends = [2 * sum(self.hidden_channels[: i + 1]) for i in range(len(self.hidden_channels) - 1)]
        return tuple(jnp.split(both, ends, axis=-1))


def modulation(vectors: tuple[Float[Array, "batch _"], ...]) -> Callable[[int, Array], Array]:
    """Return the function `modulate(i, h)` of a base solver that applies the vectors of `ChannelAttention`."""

    def modulate(i: int, h: Features) -> Features:
        gain, offset = jnp.split(over_space(vectors[i], h.ndim), 2)
        return h * (1.0 + gain) + offset

    return modulate


def over_space(vector: Float[Array, "batch channel"], ndim: int) -> Float[Array, "channel batch *one"]:
    """Reshape one number per sample and channel so that it multiplies a feature map of `ndim` axes."""
    return vector.T.reshape(*reversed(vector.shape), *(1,) * (ndim - 2))
