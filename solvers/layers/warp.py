"""Warps: values of feature maps at displaced points, h(x - s(x)), with a displacement s for every channel.

Both functions take the axes one after the other, and interpolate linearly along each. A periodic axis wraps. Any other
axis ends at its first and last point: beyond them, the values are those of the end. Displacements are in cells.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import linear_call
from jaxtyping import Array, Float

from cape.solvers.layers.boundaries import pad
from cape.solvers.layers.fourier import Size, counting
from cape.solvers.layers.layout import Features


def bounded(s: Float[Array, "*shape"], largest: float) -> Float[Array, "*shape"]:
    """Bring s smoothly between -largest and largest: s / √(1 + (s / largest)²), which is near s where s is small.

    Any finite s gives a finite value and gradient.
    """
    ratio = jnp.clip(s / largest, -1e6, 1e6)  # the square of a larger number would overflow
    return largest * ratio * lax.rsqrt(1.0 + jnp.square(ratio))


def warp_by_shifts(h: Features, s: Sequence[Features], boundaries: tuple[str, ...], largest: int) -> Features:
    """Compute h(x - s(x)) for |s| <= `largest` cells as a sum of 2 largest + 1 shifts along each axis, without a gather.

    Shift i has the weight max(0, 1 - |s - i|), a hat function, which is linear interpolation. A displacement beyond
    `largest` gives values that are too small.

    Args:
        h: feature maps.
        s: displacement along each axis, of the shape of h.
        boundaries: one per axis.
        largest: number of cells.
    """
    for axis, (along, boundary) in enumerate(zip(s, boundaries, strict=True)):
        margins = [largest if other == axis else 0 for other in range(len(boundaries))]
        # the barrier keeps XLA from merging the copies at the ends into the sum, which takes 2 to 4 times as long
        padded = lax.optimization_barrier(pad(h, margins, boundaries))
        h = _Hats(2 + axis, largest).sum_of_shifts(padded, along)
    return h


class _Hats:
    """Sums of shifts along one axis, weighted with hat functions, whose transpose is such a sum as well.

    Without the transpose given here, the gradient is a sum of padded arrays, which takes twice as long on a CPU.
    """

    def __init__(self, axis: int, largest: int):
        self.axis, self.largest = axis, largest
        self.offsets = range(-largest, largest + 1)

    def sum_of_shifts(self, padded: Features, s: Features) -> Features:
        """Compute Σ_i max(0, 1 - |s - i|) h(x - i), with h longer by `largest` points at both ends of the axis."""
        apply = jax.custom_jvp(lambda padded, s: self._apply(s, padded))
        apply.defjvp(self._value_and_tangent)
        return apply(padded, s)

    def _value_and_tangent(self, primals, tangents):
        (padded, s), (change, change_of_s) = primals, tangents
        slopes = [jnp.where(jnp.abs(s - i) < 1, -jnp.sign(s - i), 0.0) for i in self.offsets]
        slope = self._sum(slopes, [self._view(padded, self.largest - i, s) for i in self.offsets])
        moved = linear_call(self._apply, self._transposed, s, change)
        return self._apply(s, padded), moved + slope * change_of_s

    def _apply(self, s: Features, padded: Features) -> Features:
        weights = [self._weight(s, i) for i in self.offsets]
        return self._sum(weights, [self._view(padded, self.largest - i, s) for i in self.offsets])

    def _transposed(self, s: Features, y: Features) -> Features:
        """Apply the transpose of `_apply`: point q of the padded map gets the weighted y of every point it went to."""
        around = [(0, 0, 0)] * y.ndim
        around[self.axis] = (2 * self.largest, 2 * self.largest, 0)
        zero = jnp.zeros((), y.dtype)
        y_padded, s_padded = lax.optimization_barrier((lax.pad(y, zero, around), lax.pad(s, zero, around)))
        shape = jax.ShapeDtypeStruct(
            tuple(n + 2 * self.largest if i == self.axis else n for i, n in enumerate(y.shape)), y.dtype
        )
        starts = [self.largest + i for i in self.offsets]
        weights = [
            self._weight(self._view(s_padded, start, shape), i)
            for start, i in zip(starts, self.offsets, strict=True)
        ]
        return self._sum(weights, [self._view(y_padded, start, shape) for start in starts])

    def _weight(self, s: Features, i: int) -> Features:
        return jnp.maximum(1.0 - jnp.abs(s - i), 0.0)

    def _view(self, h: Features, start: int, like: jax.ShapeDtypeStruct | Features) -> Features:
        return lax.slice_in_dim(h, start, start + like.shape[self.axis], axis=self.axis)

    def _sum(self, weights: list[Features], views: list[Features]) -> Features:
        terms = [weight * view for weight, view in zip(weights, views, strict=True)]
        return sum(terms[1:], terms[0])


def warp_by_gather(h: Features, s: Sequence[Features], boundaries: tuple[str, ...]) -> Features:
    """Compute h(x - s(x)) for displacements of any size, also of many domain lengths; arguments as `warp_by_shifts`.

    A displacement that is not finite gives NaN at the points whose values pass through it, in its own sample alone.
    """
    for axis, (along, boundary) in enumerate(zip(s, boundaries, strict=True), start=2):
        n: Size = h.shape[axis]
        here = jnp.asarray(counting(n), h.dtype).reshape(
            *(n if other == axis else 1 for other in range(h.ndim))
        )
        periodic = boundary == "periodic"
        wanted = jnp.mod(here - along, n) if periodic else jnp.clip(here - along, 0, n - 1)
        cell = jnp.floor(wanted)
        number = jnp.where(jnp.isfinite(cell), cell, 0.0).astype(jnp.int32)
        number = jnp.minimum(number, n - 1)  # a remainder just below n rounds to n
        following = (number + 1) % n if periodic else jnp.minimum(number + 1, n - 1)
        lower, upper = (jnp.take_along_axis(h, i, axis) for i in (number, following))
        h = lower + (wanted - number.astype(h.dtype)) * (upper - lower)
    return h
