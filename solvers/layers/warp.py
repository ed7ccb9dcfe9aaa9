"""Warps along one axis: values of feature maps at displaced points, h(x - s(x)), with a displacement s at every point.

The interpolation is linear. A periodic axis wraps. Any other axis ends at its first and last point: beyond them, the
values are those of the end. Displacements are in cells.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import linear_call
from jaxtyping import Array, Float

from cape.solvers.layers.boundaries import pad
from cape.solvers.layers.divided_space import along_whole_axis
from cape.solvers.layers.fourier import counting
from cape.solvers.layers.layout import Features

_LARGEST_RATIO = 1e6


def bounded(s: Float[Array, "*shape"], largest: float) -> Float[Array, "*shape"]:
    """Bring s smoothly between -largest and largest: s / √(1 + (s / largest)²), which is near s where s is small.

    Any finite s gives a finite value and gradient.
    """
    ratio = jnp.clip(
        s / largest, -_LARGEST_RATIO, _LARGEST_RATIO
    )  # the square of a larger number may overflow
    return largest * ratio * lax.rsqrt(1.0 + jnp.square(ratio))


def warp_by_gather(h: Features, s: Features, axis: int, boundary: str) -> Features:
    """Compute h(x - s(x)) along an axis for displacements of any size, also of many domain lengths.

    A displacement that is not finite gives NaN at its own point.

    Args:
        h: feature maps.
        s: displacement of every point of every feature map, in cells.
        axis: number of the axis of space, from 0.
        boundary: of this axis.
    """

    def warp(h: Features, s: Features) -> Features:
        return _warp_whole_axis(h, s, axis + 2, boundary)

    return along_whole_axis(warp, axis + 2, h, s) if axis == 0 else warp(h, s)


def _warp_whole_axis(h: Features, s: Features, axis: int, boundary: str) -> Features:
    n, periodic = h.shape[axis], boundary == "periodic"
    here = jnp.asarray(counting(n), h.dtype).reshape(*(n if other == axis else 1 for other in range(h.ndim)))
    wanted = jnp.mod(here - s, n) if periodic else jnp.clip(here - s, 0, n - 1)
    cell = jnp.floor(wanted)
    number = jnp.where(jnp.isfinite(cell), cell, 0.0).astype(jnp.int32)
    number = jnp.minimum(number, n - 1)  # a remainder just below n may round to n
    following = (number + 1) % n if periodic else jnp.minimum(number + 1, n - 1)
    lower, upper = (jnp.take_along_axis(h, i, axis) for i in (number, following))
    return lower + (wanted - number.astype(h.dtype)) * (upper - lower)


def warp_by_shifts(h: Features, s: Features, axis: int, boundary: str, largest: int) -> Features:
    """Compute h(x - s(x)) along an axis for |s| <= `largest` cells as a sum of 2 largest + 1 shifts, without a gather.

    Shift i has the weight max(0, 1 - |s - i|), a hat function, which is linear interpolation. A displacement beyond
    `largest` gives values that are too small. Arguments as in `warp_by_gather`.
    """
    dimension = h.ndim - 2
    margins = [largest if other == axis else 0 for other in range(dimension)]
    padded = pad(h, margins, ["periodic" if boundary == "periodic" else "outgoing"] * dimension)
    return sum_of_shifts(padded, s, axis + 2, largest)


def sum_of_shifts(
    padded: Float[Array, "channel batch *padded"], s: Features, axis: int, largest: int
) -> Features:
    """Compute Σ_i max(0, 1 - |s - i|) h(x - i), with h longer by `largest` points at both ends of `axis`.

    The gradient is given here. That of JAX is a sum of padded arrays, which takes twice as long on a CPU.
    """

    def linear(s: Array, padded: Array) -> Array:
        return _weighted(s, padded, axis, [(largest - i, i) for i in range(-largest, largest + 1)])

    def transposed(s: Array, y: Array) -> Array:
        around = [(0, 0, 0)] * y.ndim
        around[axis] = (2 * largest, 2 * largest, 0)
        zero = jnp.zeros((), y.dtype)
        y, s = lax.pad(y, zero, around), lax.pad(s, zero, around)
        shifts = [(largest + i, i) for i in range(-largest, largest + 1)]
        size = y.shape[axis] - 2 * largest
        terms = [_hat(_view(s, start, size, axis) - i) * _view(y, start, size, axis) for start, i in shifts]
        return sum(terms[1:], terms[0])

    apply = jax.custom_jvp(lambda padded, s: linear(s, padded))

    @apply.defjvp
    def value_and_tangent(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
        (padded, s), (change, change_of_s) = primals, tangents
        size = s.shape[axis]
        slopes = [
            jnp.where(jnp.abs(s - i) < 1, -jnp.sign(s - i), 0.0) * _view(padded, largest - i, size, axis)
            for i in range(-largest, largest + 1)
        ]
        slope = sum(slopes[1:], slopes[0])
        return linear(s, padded), linear_call(linear, transposed, s, change) + slope * change_of_s

    return apply(padded, s)


def _weighted(s: Array, h: Array, axis: int, shifts: list[tuple[int, int]]) -> Array:
    """Sum the views of h from each start, with the weight hat(s - i)."""
    terms = [_hat(s - i) * _view(h, start, s.shape[axis], axis) for start, i in shifts]
    return sum(terms[1:], terms[0])


def _hat(s: Array) -> Array:
    return jnp.maximum(1.0 - jnp.abs(s), 0.0)


def _view(h: Array, start: int, size: int, axis: int) -> Array:
    return lax.slice_in_dim(h, start, start + size, axis=axis)
