"""Convolutions of one size-preserving kind, with the boundary of each axis: full, depthwise and pointwise."""

from collections.abc import Sequence
from math import prod

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax
from jaxtyping import Array, Float

from cape.solvers.layers.initialisation import torch_uniform
from cape.solvers.layers.layout import Features, check_features, over_points

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


def pad(h: Features, widths: Sequence[int], boundaries: Sequence[str]) -> Features:
    """Continue h beyond the domain by `widths` points on both sides of each axis, as its boundary says."""
    for axis, (width, kind) in enumerate(zip(widths, boundaries, strict=True), start=2):
        if width and kind == "periodic" and h.shape[axis] >= width:
            # the program that jnp.pad(mode="wrap") makes, but it takes no grid whose size is a symbol
            before = lax.slice_in_dim(h, h.shape[axis] - width, None, axis=axis)
            h = jnp.concatenate([before, h, lax.slice_in_dim(h, 0, width, axis=axis)], axis)
        elif width:
            around = [(0, 0)] * h.ndim
            around[axis] = (width, width)
            h = jnp.pad(h, around, mode=PADDING[kind])
    return h


def shifts(h: Features, kernel: tuple[int, ...]) -> list[Features]:
    """List the views of a padded h that the entries of `kernel` see, in row-major order of the entries."""
    sizes = [n - k + 1 for n, k in zip(h.shape[2:], kernel, strict=True)]
    return [
        h[(slice(None), slice(None), *(slice(i, i + n) for i, n in zip(entry, sizes, strict=True)))]
        for entry in np.ndindex(*kernel)
    ]


def convolve(h: Features, weight: Array) -> Features:
    """Convolve a padded h with `weight` [*kernel, in, out] by the library's convolution."""
    dimension = h.ndim - 2
    leading = (1, 0, *range(2, dimension + 2))
    numbers = lax.ConvDimensionNumbers(leading, (dimension + 1, dimension, *range(dimension)), leading)
    return lax.conv_general_dilated(h, weight, (1,) * dimension, "VALID", dimension_numbers=numbers)


def convolve_by_product(h: Features, weight: Array) -> Features:
    """Convolve as a matrix product of concatenated shifts, with the same result as `convolve`.

    For CPUs: inside a loop (a rollout, a batch in chunks) XLA's convolution takes 4 to 45 times as long there,
    forward and backward, although outside of loops it is up to 2.5 times as fast. Shifts along the last two axes
    are concatenated; those along the axis before are summed, or 27 copies of h would be held.
    """
    outer, inner = weight.shape[:-4], weight.shape[-4:-2]  # of the kernel; outer is empty in 1D and 2D
    inner = inner[-(h.ndim - 2) :]
    rows = jnp.concatenate(shifts(h, (*(1 for _ in outer), *inner)))
    weight = weight.reshape(*outer, rows.shape[0], weight.shape[-1])
    views = shifts(rows, (*outer, *(1 for _ in inner)))
    return sum(mix(view, weight[entry]) for view, entry in zip(views, np.ndindex(*outer), strict=True))


def mix(h: Features, weight: Float[Array, "channel out"]) -> Features:
    """Map the channels of every point, Wᵀ h: one matrix product, whose gradients are matrix products as plain.

    (Written as a contraction of `h` as it is, XLA transposes on the way back, and takes 2.5 times as long on a CPU.)
    """
    return (weight.T @ h.reshape(h.shape[0], -1)).reshape(weight.shape[-1], *h.shape[1:])


def kernel_of(kernel: int | tuple[int, ...], dimension: int) -> tuple[int, ...]:
    """Return one odd kernel width per axis. Raises ValueError for even widths or a wrong number of them."""
    widths = (kernel,) * dimension if isinstance(kernel, int) else tuple(kernel)
    if len(widths) != dimension or any(k < 1 or k % 2 == 0 for k in widths):
        raise ValueError(f"expected an odd kernel width, one or {dimension} (one per axis), got {kernel}")
    return widths


class Pointwise(nnx.Module):
    """Map the channels of every point linearly (a 1x1 convolution, as a matrix product): y = Wᵀ h + b.

    `weight`: [in, out]; `bias`: [out], absent with bias=False.
    """

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool = True, rngs: nnx.Rngs):
        self.weight = torch_uniform(rngs, (in_channels, out_channels), in_channels)
        self.bias = torch_uniform(rngs, (out_channels,), in_channels) if bias else None

    def __call__(self, h: Float[Array, "channel *batch"]) -> Float[Array, "out *batch"]:
        y = mix(h, self.weight[...])
        return y if self.bias is None else y + over_points(self.bias[...], y.ndim)


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

    def __call__(self, h: Features) -> Features:
        check_features(h, len(self.kernel), self.in_channels)
        h = pad(h, [k // 2 for k in self.kernel], self.boundaries)
        y = lax.platform_dependent(h, self.weight[...], cpu=convolve_by_product, default=convolve)
        return y if self.bias is None else y + over_points(self.bias[...], y.ndim)


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

    def __call__(self, h: Features) -> Features:
        check_features(h, len(self.kernel), self.channels)
        h = pad(h, [k // 2 for k in self.kernel], self.boundaries)
        taps = self.weight[...].reshape(-1, self.channels, self.multiplier)
        views = shifts(h, self.kernel)
        each = [
            sum(view * over_points(tap[:, j], view.ndim) for view, tap in zip(views, taps, strict=True))
            for j in range(self.multiplier)
        ]
        y = jnp.stack(each, 1).reshape(-1, *each[0].shape[1:])
        return y if self.bias is None else y + over_points(self.bias[...], y.ndim)
