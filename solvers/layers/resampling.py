"""Steps between the grids of a U-Net: maximum pooling, pairs to channels, and transposed convolution."""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import nnx
from jax import lax
from jaxtyping import Array, Float

from cape.solvers.layers.convolution import mix
from cape.solvers.layers.divided_space import space_parts
from cape.solvers.layers.fourier import Size
from cape.solvers.layers.initialisation import torch_uniform
from cape.solvers.layers.layout import Features, over_points


def check_halvings(space: tuple[Size, ...], levels: int) -> None:
    """Raise ValueError unless every axis can be halved `levels` times."""
    if any(n % 2**levels for n in space):
        raise ValueError(
            f"expected a grid divisible by 2^levels = {2**levels} along each axis, got {space}; "
            "use fewer levels or another resolution"
        )


def halve(h: Features) -> Float[Array, "channel batch *coarse"]:
    """Take the maximum of 2 neighbours along each axis (maximum pooling of width and stride 2)."""
    for axis in range(2, h.ndim):
        pairs = h.reshape(*h.shape[:axis], h.shape[axis] // 2, 2, *h.shape[axis + 1 :])
        h = jnp.maximum(*(jnp.take(pairs, i, axis=axis + 1) for i in (0, 1)))
    return h


def pairs_to_channels(h: Features) -> Float[Array, "more_channels batch *coarse"]:
    """Halve the grid without loss: the 2 points along each axis of every coarse cell become separate channels."""
    dimension = h.ndim - 2
    split = h.reshape(*h.shape[:2], *(part for n in h.shape[2:] for part in (n // 2, 2)))
    cells, corners = range(2, 2 + 2 * dimension, 2), range(3, 3 + 2 * dimension, 2)
    corners_first = split.transpose(*corners, 0, 1, *cells)
    return corners_first.reshape(2**dimension * h.shape[0], h.shape[1], *(n // 2 for n in h.shape[2:]))


def to_even(h: Features, boundaries: Sequence[str]) -> Float[Array, "channel batch *even"]:
    """Continue every axis with an odd number of points by one point at its end, according to its boundary.

    Raises:
        ValueError: the first axis is divided between devices, and each has an odd number of points.
    """
    if space_parts() > 1 and h.shape[2] % 2:
        raise ValueError(
            f"expected an even number of points on each device for every halving, got {h.shape[2]}"
        )
    for axis, boundary in enumerate(boundaries, start=2):
        n = h.shape[axis]
        if n % 2:
            first = 0 if boundary == "periodic" else n - 1
            h = jnp.concatenate([h, lax.slice_in_dim(h, first, first + 1, axis=axis)], axis)
    return h


def cut(h: Features, space: Sequence[Size]) -> Float[Array, "channel batch *smaller"]:
    """Keep the first points of every axis, as many as `space` says: the opposite of `to_even`."""
    return h[(slice(None), slice(None), *(slice(n) for n in space))]


class Doubling(nnx.Module):
    """Double the grid by a transposed convolution of width and stride 2: y_{2i+j} = u_i W_j + b.

    `weight`: [2 per axis, in, out]; `bias`: [out].
    """

    def __init__(self, in_channels: int, out_channels: int, *, dimension: int, rngs: nnx.Rngs):
        fan_in = out_channels * 2**dimension  # PyTorch counts the outputs of a transposed convolution
        self.weight = torch_uniform(rngs, (2,) * dimension + (in_channels, out_channels), fan_in)
        self.bias = torch_uniform(rngs, (out_channels,), fan_in)

    def __call__(self, h: Features) -> Float[Array, "out batch *fine"]:
        dimension = h.ndim - 2
        *_, inputs, outputs = self.weight.shape
        taps = jnp.moveaxis(self.weight[...], -2, 0).reshape(inputs, -1)
        y = mix(h, taps).reshape(*(2,) * dimension, outputs, *h.shape[1:])
        interleaved = [axis for i in range(dimension) for axis in (dimension + 2 + i, i)]
        y = y.transpose(dimension, dimension + 1, *interleaved)
        y = y.reshape(outputs, h.shape[1], *(2 * n for n in h.shape[2:]))
        return y + over_points(self.bias[...], y.ndim)
