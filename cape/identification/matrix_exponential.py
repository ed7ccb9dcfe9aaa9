"""The exponential of small matrices whose entries are arrays over modes."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex

_SMALL = 1e-2


def matrix_exponential(entries: list[list[Array]]) -> Complex[Array, "batch output input *modes"]:
    """Return exp(A) for matrices A given by their entries [batch, *modes].

    Matrices of two rows use exp(A) = exp(m) (cosh(s) + sinh(s)/s (A − m)) with m half the trace and s² = −det(A − m).
    """
    if len(entries) == 2:
        return _of_two_rows(entries)
    matrices = jnp.stack([jnp.stack(row, -1) for row in entries], -2)
    return jnp.moveaxis(jax.scipy.linalg.expm(matrices), (-2, -1), (1, 2))


def _of_two_rows(entries: list[list[Array]]) -> Array:
    (a, b), (c, d) = entries
    mean, half = (a + d) / 2, (a - d) / 2
    square = half**2 + b * c
    small = jnp.abs(square) < _SMALL
    s = jnp.sqrt(jnp.where(small, 1.0, square))
    cosh = jnp.where(small, 1 + square / 2 + square**2 / 24, jnp.cosh(s))
    ratio = jnp.where(small, 1 + square / 6 + square**2 / 120, jnp.sinh(s) / s)
    scale = jnp.exp(mean)
    rows = [[cosh + ratio * half, ratio * b], [ratio * c, cosh - ratio * half]]
    return jnp.stack([jnp.stack([scale * e for e in row], 1) for row in rows], 1)
