"""Normalisations of hidden feature maps: per batch (published U-Net), per sample (ours), per point."""

from math import gcd

import jax.numpy as jnp
from flax import nnx
from jax import lax
from jaxtyping import Array, Float

from cape.solvers.layers.layout import Features, over_points


class BatchNorm(nnx.Module):
    """Normalise each channel over batch and space, with PyTorch's conventions.

    y = (u - mean) / √(var + 1e-5) · scale + bias. In training (`model.train()`), mean and biased variance are
    those of the batch, and the running ones move by r <- 0.9 r + 0.1 · (mean, UNBIASED variance);
    `nnx.BatchNorm` keeps the biased one. In evaluation (`model.eval()`), the running ones are used. Starts in
    training.
    """

    momentum = 0.1
    epsilon = 1e-5

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))
        self.mean = nnx.BatchStat(jnp.zeros(channels))
        self.var = nnx.BatchStat(jnp.ones(channels))
        self.use_running_average = False  # the name that nnx's train() and eval() set

    def __call__(self, u: Features) -> Features:
        if self.use_running_average:
            mean, var = self.mean[...], self.var[...]
        else:
            axes = tuple(range(1, u.ndim))
            count = u.size // u.shape[0]
            if count < 2:
                raise ValueError(
                    f"expected more than one value per channel to train batch norm, got {u.shape}"
                )
            mean = u.mean(axes)
            var = jnp.square(u - over_points(mean, u.ndim)).mean(axes)
            self._move(self.mean, mean)
            self._move(self.var, var * (count / (count - 1)))
        factor = self.scale[...] * lax.rsqrt(var + self.epsilon)
        centred = u - over_points(mean, u.ndim)
        return centred * over_points(factor, u.ndim) + over_points(self.bias[...], u.ndim)

    def _move(self, running: nnx.BatchStat, value: Float[Array, "channel"]) -> None:
        running[...] = (1 - self.momentum) * running[...] + self.momentum * lax.stop_gradient(value)


class GroupNorm(nnx.Module):
    """Normalise each sample over space and groups of channels (8 groups, or gcd(8, channels)).

    No statistic passes between samples or from training to evaluation. y = (u - mean) / √(var + 1e-5) · scale
    + bias. Source: Wu and He, Group Normalization, arXiv 1803.08494.
    """

    epsilon = 1e-5

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))

    def __call__(self, u: Features) -> Features:
        return standardise(u) * over_points(self.scale[...], u.ndim) + over_points(self.bias[...], u.ndim)


class LayerNorm(nnx.Module):
    """Normalise the channels of every point by themselves: y = (u - mean) / √(var + 1e-5) · scale + bias.

    No statistic passes between points, so that it is the same function on every grid.
    Source: Ba et al., Layer Normalization, arXiv 1607.06450.
    """

    epsilon = 1e-5

    def __init__(self, channels: int, *, rngs: nnx.Rngs):
        self.scale = nnx.Param(jnp.ones(channels))
        self.bias = nnx.Param(jnp.zeros(channels))

    def __call__(self, u: Features) -> Features:
        centred = u - u.mean(0, keepdims=True)
        var = jnp.square(centred).mean(0, keepdims=True)
        y = centred * lax.rsqrt(var + self.epsilon)
        return y * over_points(self.scale[...], u.ndim) + over_points(self.bias[...], u.ndim)


def standardise(u: Features) -> Features:
    """Give each sample mean 0 and variance 1 over space and every group of channels, grouped as in `GroupNorm`."""
    groups = gcd(8, u.shape[0])
    grouped = u.reshape(groups, u.shape[0] // groups, u.shape[1], -1)
    centred = grouped - grouped.mean((1, 3), keepdims=True)
    var = jnp.square(centred).mean((1, 3), keepdims=True)
    return (centred * lax.rsqrt(var + GroupNorm.epsilon)).reshape(u.shape)


NORMALIZATIONS = {"batch": BatchNorm, "group": GroupNorm}
