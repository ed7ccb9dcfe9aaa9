"""Convolutions that keep the size of the grid and respect the boundary of each axis: full, depthwise, pointwise."""

from math import prod

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax
from jaxtyping import Array, Float

from cape.solvers.layers.boundaries import check_boundaries, pad
from cape.solvers.layers.initialisation import ElementwiseParam, torch_uniform
from cape.solvers.layers.layout import Features, check_features, over_points


def check_sizes(**sizes: int) -> None:
    """Raise ValueError unless every size is at least 1, naming the first that is not."""
    for name, found in sizes.items():
        if found < 1:
            raise ValueError(f"expected {name} of at least 1, got {found}")


def shifts(
    h: Float[Array, "channel batch *padded"], kernel: tuple[int, ...]
) -> list[Float[Array, "channel batch *space"]]:
    """List the views of a padded h that the entries of `kernel` multiply, in row-major order of the entries."""
    sizes = [n - k + 1 for n, k in zip(h.shape[2:], kernel, strict=True)]
    return [
        h[(slice(None), slice(None), *(slice(i, i + n) for i, n in zip(entry, sizes, strict=True)))]
        for entry in np.ndindex(*kernel)
    ]


def convolve(
    h: Float[Array, "in batch *padded"], weight: Float[Array, "*kernel in out"]
) -> Float[Array, "out batch *space"]:
    """Convolve a padded h with `weight` by XLA's convolution."""
    dimension = h.ndim - 2
    leading = (1, 0, *range(2, dimension + 2))
    numbers = lax.ConvDimensionNumbers(leading, (dimension + 1, dimension, *range(dimension)), leading)
    return lax.conv_general_dilated(h, weight, (1,) * dimension, "VALID", dimension_numbers=numbers)


def convolve_by_product(
    h: Float[Array, "in batch *padded"], weight: Float[Array, "*kernel in out"]
) -> Float[Array, "out batch *space"]:
    """Convolve a padded h with `weight` by a matrix product of concatenated shifts; the result is that of `convolve`.

    It is for CPUs. Inside a loop, such as a rollout or a batch in chunks, XLA's convolution takes 4 to 45 times as
    long on a CPU, forward and backward. Outside of loops it is up to 2.5 times as fast. Shifts along the last two
    axes are concatenated. Shifts along the axis before are summed, which avoids holding 27 copies of h in 3D.
    """
    outer, inner = weight.shape[:-4], weight.shape[-4:-2]  # axes of the kernel; outer is empty in 1D and 2D
    inner = inner[-(h.ndim - 2) :]
    rows = jnp.concatenate(shifts(h, (*(1 for _ in outer), *inner)))
    weight = weight.reshape(*outer, rows.shape[0], weight.shape[-1])
    views = shifts(rows, (*outer, *(1 for _ in inner)))
    products = [mix(view, weight[entry]) for view, entry in zip(views, np.ndindex(*outer), strict=True)]
    return sum(products[1:], products[0])


def mix(h: Float[Array, "channel *rest"], weight: Float[Array, "channel out"]) -> Float[Array, "out *rest"]:
    """Map the channels of every point, Wᵀ h, as one matrix product whose gradients are matrix products too.

    Without the reshape, XLA transposes in the backward pass and takes 2.5 times as long on a CPU.
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

    def __call__(self, h: Float[Array, "channel *rest"]) -> Float[Array, "out *rest"]:
        y = mix(h, self.weight[...])
        return y if self.bias is None else y + over_points(self.bias[...], y.ndim)

    def scale(self, factor: float) -> None:
        """Multiply the weight and the bias by `factor`, in place."""
        self.weight[...] = factor * self.weight[...]
        if self.bias is not None:
            self.bias[...] = factor * self.bias[...]


class Convolution(nnx.Module):
    """Convolve with a small kernel and keep the size of the grid; the boundary of an axis continues the field.

    y_i = Σ_j u_{i+j-h} W_j + b with h = (kernel-1)/2 (a cross-correlation, the convention of deep learning).
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

    def __call__(self, h: Features) -> Float[Array, "out batch *space"]:
        check_features(h, len(self.kernel), self.in_channels)
        h = pad(h, [k // 2 for k in self.kernel], self.boundaries)
        y = lax.platform_dependent(h, self.weight[...], cpu=convolve_by_product, default=convolve)
        return y if self.bias is None else y + over_points(self.bias[...], y.ndim)


class DepthwiseConvolution(nnx.Module):
    """Convolve each channel separately with `multiplier` kernels and keep the size of the grid.

    Output channel c·multiplier + j depends on input channel c alone. `weight`: [*kernel, channels·multiplier];
    `bias`: [channels·multiplier], absent by default.

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
        self.weight = torch_uniform(rngs, (*self.kernel, channels * multiplier), fan_in, ElementwiseParam)
        self.bias = torch_uniform(rngs, (channels * multiplier,), fan_in) if bias else None

    def __call__(self, h: Features) -> Float[Array, "out batch *space"]:
        check_features(h, len(self.kernel), self.channels)
        h = pad(h, [k // 2 for k in self.kernel], self.boundaries)
        taps = self.weight[...].reshape(-1, self.channels, self.multiplier)
        views = shifts(h, self.kernel)
        each = []
        for j in range(self.multiplier):
            products = [
                view * over_points(tap[:, j], view.ndim) for view, tap in zip(views, taps, strict=True)
            ]
            each.append(sum(products[1:], products[0]))
        y = jnp.stack(each, 1).reshape(-1, *each[0].shape[1:])
        return y if self.bias is None else y + over_points(self.bias[...], y.ndim)
