"""Convolutions of one size-preserving kind, with the boundary of each axis: full, depthwise and pointwise."""

from collections.abc import Sequence
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax
from jaxtyping import Array, Float

from .fourier import fixed
from .initialisation import torch_uniform

# How a boundary continues a field beyond the domain, in the words of jnp.pad. "zeros" is the published form,
# which pads every domain with zeros whatever its boundary.
PADDING = {"periodic": "wrap", "outgoing": "edge", "wall": "edge", "zeros": "constant"}


def check_boundaries(boundaries: Sequence[str]) -> tuple[str, ...]:
    """Return `boundaries` as a tuple, one per axis. Raises ValueError for an empty one or an unknown kind."""
    if isinstance(boundaries, str) or not boundaries or any(kind not in PADDING for kind in boundaries):
        raise ValueError(f"expected one boundary per axis, each of {sorted(PADDING)}, got {boundaries!r}")
    return tuple(boundaries)


def check_sizes(**sizes: int) -> None:
    """Raise ValueError unless every size is at least 1, naming the first that is not."""
    for name, found in sizes.items():
        if found < 1:
            raise ValueError(f"expected {name} of at least 1, got {found}")


def check_field(u: Array, dimension: int, channels: int) -> None:
    """Raise ValueError unless u is [batch, `dimension` axes, `channels`]."""
    if u.ndim != dimension + 2 or u.shape[-1] != channels:
        axes = "points, " * dimension
        raise ValueError(f"expected u of shape (batch, {axes}{channels} channels), got {u.shape}")


def pad(u: Float[Array, "batch *space channel"], widths: Sequence[int], boundaries: Sequence[str]) -> Array:
    """Continue u beyond the domain by `widths` points on both sides of each axis, as its boundary says."""
    for axis, (width, kind) in enumerate(zip(widths, boundaries, strict=True), start=1):
        if width and kind == "periodic" and u.shape[axis] >= width:
            # the program that jnp.pad(mode="wrap") makes, but it takes no grid whose size is a symbol
            before = lax.slice_in_dim(u, u.shape[axis] - width, None, axis=axis)
            u = jnp.concatenate([before, u, lax.slice_in_dim(u, 0, width, axis=axis)], axis)
        elif width:
            around = [(0, 0)] * u.ndim
            around[axis] = (width, width)
            u = jnp.pad(u, around, mode=PADDING[kind])
    return u


def shifts(u: Array, kernel: tuple[int, ...]) -> list[Array]:
    """List the views of a padded u that the entries of `kernel` see, in row-major order of the entries."""
    sizes = [n - k + 1 for n, k in zip(u.shape[1:-1], kernel, strict=True)]
    return [
        u[(slice(None), *(slice(i, i + n) for i, n in zip(entry, sizes, strict=True)))]
        for entry in np.ndindex(*kernel)
    ]


def convolve(u: Array, weight: Array) -> Array:
    """Convolve a padded u with `weight` [*kernel, in, out] by the library's convolution."""
    dimension = u.ndim - 2
    last = (0, dimension + 1, *range(1, dimension + 1))
    numbers = lax.ConvDimensionNumbers(last, (dimension + 1, dimension, *range(dimension)), last)
    return lax.conv_general_dilated(u, weight, (1,) * dimension, "VALID", dimension_numbers=numbers)


def convolve_by_product(u: Array, weight: Array) -> Array:
    """Convolve as a matrix product of concatenated shifts, with the same result as `convolve`.

    For CPUs: inside a loop (a rollout, a batch in chunks) XLA's convolution takes 4 to 45 times as long there,
    forward and backward, although outside of loops it is up to 2.5 times as fast. Shifts along the last two axes
    are concatenated; those along the axis before are summed, or 27 copies of u would be held.
    """
    outer, inner = weight.shape[:-4], weight.shape[-4:-2]  # of the kernel; outer is empty in 1D and 2D
    inner = inner[-(u.ndim - 2) :]
    columns = jnp.concatenate(shifts(u, (*(1 for _ in outer), *inner)), axis=-1)
    weight = weight.reshape(*outer, columns.shape[-1], weight.shape[-1])
    views = shifts(columns, (*outer, *(1 for _ in inner)))
    return sum(mix(view, weight[entry]) for view, entry in zip(views, np.ndindex(*outer), strict=True))


def mix(u: Float[Array, "batch *space channel"], weight: Float[Array, "channel out"]) -> Array:
    """Map the channels of every point, u W: a product for all points, or on a CPU one for every sample.

    The latter leaves XLA free to keep feature maps with the points next to each other in memory, [batch, channel,
    *space], where transforms and shifts along space cost no transposition; forward and backward a layer is then
    about 1.5 times as fast. It repeats W for every sample, so W must be small beside the sample.
    """
    batch, *space, channels = u.shape
    if jax.default_backend() != "cpu" or not space or not fixed(u.shape):
        return u @ weight
    points, outputs = prod(space), weight.shape[-1]
    if 4 * channels * outputs > points * (channels + outputs):
        return u @ weight
    first = jnp.moveaxis(u, -1, 1).reshape(batch, channels, points)
    y = jnp.broadcast_to(weight.T, (batch, outputs, channels)) @ first
    return jnp.moveaxis(y.reshape(batch, outputs, *space), 1, -1)


def kernel_of(kernel: int | tuple[int, ...], dimension: int) -> tuple[int, ...]:
    """Return one odd kernel width per axis. Raises ValueError for even widths or a wrong number of them."""
    widths = (kernel,) * dimension if isinstance(kernel, int) else tuple(kernel)
    if len(widths) != dimension or any(k < 1 or k % 2 == 0 for k in widths):
        raise ValueError(f"expected an odd kernel width, one or {dimension} (one per axis), got {kernel}")
    return widths


class Pointwise(nnx.Module):
    """Map the channels of every point linearly (a 1x1 convolution, as a matrix product): y = u W + b.

    `weight`: [in, out]; `bias`: [out], absent with bias=False.
    """

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool = True, rngs: nnx.Rngs):
        self.weight = torch_uniform(rngs, (in_channels, out_channels), in_channels)
        self.bias = torch_uniform(rngs, (out_channels,), in_channels) if bias else None

    def __call__(self, u: Float[Array, "*batch channel"]) -> Float[Array, "*batch out"]:
        y = mix(u, self.weight[...])
        return y if self.bias is None else y + self.bias[...].reshape((1,) * (y.ndim - 1) + (-1,))


class Convolution(nnx.Module):
    """Convolve with a small kernel, keeping the size of the grid; each axis continues as its boundary says.

    y_i = Σ_j u_{i+j-h} W_j + b with h = (kernel-1)/2 (a cross-correlation, as everywhere in deep learning).
    `weight`: [*kernel, in, out]; `bias`: [out], absent with bias=False.

    Raises ValueError for an even kernel, an unknown boundary, or input of the wrong shape.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | tuple[int, ...],
        *,
        boundaries: tuple[str, ...],
        bias: bool = True,
        rngs: nnx.Rngs,
    ):
        self.boundaries = check_boundaries(boundaries)
        self.kernel = kernel_of(kernel, len(boundaries))
        self.in_channels = in_channels
        fan_in = in_channels * prod(self.kernel)
        self.weight = torch_uniform(rngs, (*self.kernel, in_channels, out_channels), fan_in)
        self.bias = torch_uniform(rngs, (out_channels,), fan_in) if bias else None

    def __call__(self, u: Float[Array, "batch *space channel"]) -> Float[Array, "batch *space out"]:
        check_field(u, len(self.kernel), self.in_channels)
        u = pad(u, [k // 2 for k in self.kernel], self.boundaries)
        y = lax.platform_dependent(u, self.weight[...], cpu=convolve_by_product, default=convolve)
        return y if self.bias is None else y + self.bias[...].reshape((1,) * (y.ndim - 1) + (-1,))


class DepthwiseConvolution(nnx.Module):
    """Convolve each channel by itself with `multiplier` kernels, keeping the size of the grid.

    Output channel c·multiplier + j comes from input channel c alone. `weight`: [*kernel,
    channels·multiplier]; `bias` likewise, absent by default.

    Raises ValueError for an even kernel, an unknown boundary, or input of the wrong shape.
    """

    def __init__(
        self,
        channels: int,
        multiplier: int,
        kernel: int | tuple[int, ...],
        *,
        boundaries: tuple[str, ...],
        bias: bool = False,
        rngs: nnx.Rngs,
    ):
        self.boundaries = check_boundaries(boundaries)
        self.kernel = kernel_of(kernel, len(boundaries))
        self.channels = channels
        self.multiplier = multiplier
        fan_in = prod(self.kernel)
        self.weight = torch_uniform(rngs, (*self.kernel, channels * multiplier), fan_in)
        self.bias = torch_uniform(rngs, (channels * multiplier,), fan_in) if bias else None

    def __call__(self, u: Float[Array, "batch *space channel"]) -> Float[Array, "batch *space out"]:
        check_field(u, len(self.kernel), self.channels)
        u = pad(u, [k // 2 for k in self.kernel], self.boundaries)
        taps = self.weight[...].reshape(-1, *(1,) * (u.ndim - 1), self.channels, self.multiplier)
        views = shifts(u, self.kernel)
        each = [
            sum(view * tap[..., j] for view, tap in zip(views, taps, strict=True))
            for j in range(self.multiplier)
        ]
        y = jnp.stack(each, -1).reshape(*each[0].shape[:-1], -1)
        return y if self.bias is None else y + self.bias[...].reshape((1,) * (y.ndim - 1) + (-1,))
