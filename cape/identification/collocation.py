"""A first estimate of an equation by regression: Simpson's rule in time on three consecutive frames."""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cape.identification.elimination import eliminate
from cape.identification.step import inside, term_values, transform, wave_numbers
from cape.identification.terms import Axes, Term
from cape.solvers.layers.fourier import rfftn

_NEGLIGIBLE, _SMALLEST = 0.1, 1e-6
_RIDGE = 1e-7


class Regression(NamedTuple):
    """Terms by Simpson's rule, and the changes that they explain, on the low half of the wave numbers."""

    columns: Float[np.ndarray, "sample term value"]
    change: Float[np.ndarray, "sample channel value"]


def regression(
    frames: Float[np.ndarray, "sample three *space channel"],
    weight: Float[np.ndarray, " sample"],
    terms: Sequence[Term],
    on: Axes,
) -> Regression:
    """Return (R(t − 1) + 4 R(t) + R(t + 1)) / 6 of every term R and (u(t + 1) − u(t − 1)) / 2, times the weight."""
    found = _regression(jnp.asarray(frames, jnp.float32), tuple(terms), on)
    return Regression(*(np.asarray(a, np.float64) * weight[:, None, None] / 2 for a in found))


def estimate(
    data: Regression, functions: Float[np.ndarray, "sample function"], outputs: Int[np.ndarray, " term"]
) -> tuple[Float[np.ndarray, "term function"], float]:
    """Return the coefficients, zero for terms that the data do not need, and the misfit over that of persistence.

    Minimises Σ |u(t + 1) − u(t − 1) − (R(t − 1) + 4 R(t) + R(t + 1)) / 3|² over the low half of the wave numbers, with
    R the sum of all terms, for every channel by itself.

    Args:
        data: of the terms, or of groups of terms that share a coefficient.
        functions: the functions of the parameters of each sample.
        outputs: the channel whose rate of change has each term.
    """
    terms, count = data.columns.shape[1], functions.shape[1]
    x, total = np.zeros((terms, count)), (data.change**2).sum()
    misfit = 0.0
    for channel in range(data.change.shape[1]):
        chosen = np.flatnonzero(outputs == channel)
        columns, change = data.columns[:, chosen], data.change[:, channel]
        products = columns @ columns.swapaxes(1, 2)
        hessian = np.einsum("stu,sf,sg->tfug", products, functions, functions)
        hessian = hessian.reshape(len(chosen) * count, -1) / total
        right = np.einsum("stv,sv,sf->tf", columns, change, functions).ravel() / total
        scale = 1 / np.sqrt(np.maximum(np.diag(hessian), 1e-30))
        scaled = hessian * np.outer(scale, scale) + _RIDGE * np.eye(len(scale))
        found = np.linalg.solve(scaled, right * scale) * scale
        rest = (change**2).sum() / total - right @ found
        kept, _ = eliminate(
            found.reshape(-1, count),
            np.ones((len(chosen), count), bool),
            hessian,
            max(_NEGLIGIBLE * rest, _SMALLEST),
        )
        x[chosen], kept = kept, kept.ravel()
        misfit += (change**2).sum() / total - 2 * right @ kept + kept @ hessian @ kept
    return x, float(misfit)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _regression(
    frames: Float[Array, "sample three *space channel"], terms: tuple[Term, ...], on: Axes
) -> tuple[Float[Array, "sample term value"], Float[Array, "sample channel value"]]:
    """Return the terms by Simpson's rule, and the changes: real and imaginary parts of the low half of the modes."""
    (first, grid), (second, _), (third, _) = (transform(on, frames[:, time]) for time in range(3))
    axes, waves = tuple(range(2, 2 + len(grid))), wave_numbers(grid, on.periodic)
    low = inside(waves, [jnp.abs(wave).max() / 2 for wave in waves])[None, None].astype(jnp.float32)
    low = low / math.sqrt(math.prod(grid))
    rates = [
        jnp.stack([jnp.broadcast_to(v, (len(frames), *grid)) for v in term_values(terms, waves, grid, m)], 1)
        for m in (first, second, third)
    ]
    rate = rfftn((rates[0] + 4 * rates[1] + rates[2]) / 3, axes)
    return _parts(rate, low), _parts(third - first, low)


def _parts(modes: Array, weight: Array) -> Array:
    """Return the weighted real and imaginary parts of modes [sample, row, *modes] as one axis."""
    parts = jnp.stack([modes.real * weight, modes.imag * weight], 2)
    return parts.reshape(*modes.shape[:2], -1)
