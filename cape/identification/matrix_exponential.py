"""The exponential of small matrices whose entries are arrays over modes."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

_SMALL = 1e-2
_SQUARINGS = 16


def matrix_exponential(
    entries: list[list[Array]], largest_growth: Float[Array, "*modes"]
) -> Complex[Array, "batch output input *modes"]:
    """Return exp(A) for matrices A given by their entries [batch, *modes], scaled down where it grows too fast.

    No eigenvalue of the result exceeds exp(largest_growth) in magnitude. Matrices of two rows use
    exp(A) = exp(m) (cosh(s) + sinh(s)/s (A − m)) with m half the trace and s² = −det(A − m).
    """
    if len(entries) == 2:
        return _of_two_rows(entries, largest_growth)
    matrices = jnp.stack([jnp.stack(row, -1) for row in entries], -2)
    exponential = jax.scipy.linalg.expm(matrices)
    power = exponential  # the norm of a high power gives the largest eigenvalue
    magnitude = jnp.zeros(matrices.shape[:-2] + (1, 1), jnp.float32)
    for squaring in range(_SQUARINGS):
        norm = jnp.maximum(jnp.sqrt((jnp.abs(power) ** 2).sum((-2, -1), keepdims=True)), 1e-30)
        magnitude = magnitude + jnp.log(norm) / 2**squaring
        power = power / norm.astype(power.dtype)
        power = power @ power
    scale = jnp.exp(-jnp.maximum(magnitude - largest_growth[None, ..., None, None], 0.0))
    return jnp.moveaxis(exponential * scale.astype(exponential.dtype), (-2, -1), (1, 2))


def _of_two_rows(entries: list[list[Array]], largest_growth: Array) -> Array:
    (a, b), (c, d) = entries
    mean, half = (a + d) / 2, (a - d) / 2
    square = half**2 + b * c
    small = jnp.abs(square) < _SMALL
    s = jnp.sqrt(jnp.where(small, jnp.ones_like(square), square))  # its real part is not negative
    growth = mean.real + jnp.where(small, jnp.sqrt(jnp.maximum(square.real, 0.0) + 1e-30), s.real)
    mean = mean - jnp.maximum(growth - largest_growth[None], 0.0).astype(mean.dtype)
    # exp(mean) cosh(s) and exp(mean) sinh(s) / s without overflow of either factor
    plus, minus = (
        jnp.exp(mean + jnp.where(small, jnp.zeros_like(s), s)),
        jnp.exp(mean - jnp.where(small, jnp.zeros_like(s), s)),
    )
    cosh = jnp.where(small, plus * (1 + square / 2 + square**2 / 24), (plus + minus) / 2)
    ratio = jnp.where(small, plus * (1 + square / 6 + square**2 / 120), (plus - minus) / (2 * s))
    rows = [[cosh + ratio * half, ratio * b], [ratio * c, cosh - ratio * half]]
    return jnp.stack([jnp.stack(row, 1) for row in rows], 1)
