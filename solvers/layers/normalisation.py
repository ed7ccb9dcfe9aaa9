"""Normalisations of hidden feature maps: over each sample and groups of channels, or over the channels of a point."""

from math import gcd

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from cape.solvers.layers.convolution import mix
from cape.solvers.layers.divided_space import mean_over_space
from cape.solvers.layers.layout import Features, over_points


class GroupNorm(nnx.Module):
    """Normalise each sample over space and groups of channels (8 groups, or gcd(8, channels)).

    y = (u - mean) / √(var + 1e-5) · scale + bias. Samples do not affect each other, and evaluation is the same as
    training. Source: Wu and He, Group Normalization, arXiv 1803.08494.
    """

    epsilon = 1e-5

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        self.scale = nnx.Param(jnp.ones(channels, jnp.float32))
        self.bias = nnx.Param(jnp.zeros(channels, jnp.float32))

    def __call__(self, u: Features) -> Features:
        return standardise(u) * over_points(self.scale[...], u.ndim) + over_points(self.bias[...], u.ndim)


class LayerNorm(nnx.Module):
    """Normalise over the channels of each point: y = (u - mean) / √(var + 1e-5) · scale + bias.

    Points do not affect each other, so the layer is the same function on every grid. Means over channels are matrix
    products: XLA's reduction over the leading axis takes ten times as long on a CPU.
    Source: Ba et al., Layer Normalization, arXiv 1607.06450.
    """

    epsilon = 1e-5

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        self.scale = nnx.Param(jnp.ones(channels, jnp.float32))
        self.bias = nnx.Param(jnp.zeros(channels, jnp.float32))

    def __call__(self, u: Features) -> Features:
        channels = len(u)
        with jax.default_matmul_precision("highest"):
            average = jnp.full((channels, channels), 1 / channels, u.dtype)
            centred = u - mix(u, average)
            var = mix(jnp.square(centred), average)
        y = centred * lax.rsqrt(var + self.epsilon)
        return y * over_points(self.scale[...], u.ndim) + over_points(self.bias[...], u.ndim)


def standardise(u: Features) -> Features:
    """Give each sample mean 0 and variance 1 over space and every group of channels, grouped as in `GroupNorm`."""
    groups = gcd(8, u.shape[0])
    grouped = u.reshape(groups, u.shape[0] // groups, u.shape[1], -1)
    centred = grouped - mean_over_space(grouped.mean((1, 3), keepdims=True))
    var = mean_over_space(jnp.square(centred).mean((1, 3), keepdims=True))
    return (centred * lax.rsqrt(var + GroupNorm.epsilon)).reshape(u.shape)
