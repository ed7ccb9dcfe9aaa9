"""The share of a network in the steps of an adapted surrogate, one for each octave of wave numbers."""

import functools
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.solvers.layers.fourier import irfftn, rfftn

BANDS = 7  # wave numbers 0, 1, 2 to 3, 4 to 7, 8 to 15, 16 to 31, and larger
_PREFERENCE, _SPREAD = 0.5, 0.5  # mean and standard deviation of the prior of a share
_ITERATIONS = 5
_SMALLEST = 1e-12

Field = Float[Array, "batch *space channel"]


def blend(
    by_equation: Field, by_network: Field, share: Float[Array, "channel band"], boundaries: Sequence[str]
) -> Field:
    """Return the step of an equation, plus a share of what a network changes in each octave of wave numbers."""
    difference, grid = _modes(by_network - by_equation, boundaries)
    per_mode = share.T[jnp.asarray(_bands(grid, tuple(boundaries)))]  # [*modes, channel]
    axes = tuple(range(1, by_equation.ndim - 1))
    change = irfftn(difference * per_mode[None].astype(difference.dtype), grid, axes)
    return by_equation + change[tuple(slice(n) for n in by_equation.shape[:-1])]


def posterior_share(
    truth: Float[np.ndarray, "pair *space channel"],
    by_equation: Float[np.ndarray, "pair *space channel"],
    by_network: Float[np.ndarray, "pair *space channel"],
    boundaries: Sequence[str],
    *,
    together: bool,
) -> Float[np.ndarray, "channel band"]:
    """Return the posterior mean of the shares, between 0 and 1, by linear regression in closed form.

    The prior of every share is a normal distribution of mean 1/2 and standard deviation 1/2. The errors of the points
    of a pair are not independent, so a pair counts as one observation.

    Args:
        together: one share for all octaves.
    """
    right, left = (
        np.asarray(_modes(jnp.asarray(a - by_equation, jnp.float32), boundaries)[0])
        for a in (truth, by_network)
    )
    axes = tuple(range(1, truth.ndim - 1))
    grid = _mirrored(truth.shape[1:-1], boundaries)
    band = _bands(grid, tuple(boundaries))
    groups = [list(range(BANDS))] if together else [[number] for number in range(BANDS)]
    found = np.full((truth.shape[-1], BANDS), _PREFERENCE)
    for group in groups:
        inside = np.isin(band, group)[None, ..., None]
        sums = [
            (a * inside).sum((0, *axes), dtype=np.float64)
            for a in (np.abs(left) ** 2, (left.conj() * right).real, np.abs(right) ** 2)
        ]
        for channel, (squares, products, rest) in enumerate(zip(*sums, strict=True)):
            found[channel, group] = _share(len(truth), squares, products, rest)
    return found


def _share(pairs: int, squares: float, products: float, rest: float) -> float:
    """Return the posterior mean of one share, with the variance of the errors that it leaves."""
    share = _PREFERENCE
    for _ in range(_ITERATIONS):
        variance = max(rest - 2 * share * products + share**2 * squares, _SMALLEST * (rest + squares) + 1e-30)
        precision = pairs * squares / variance + 1 / _SPREAD**2
        share = (pairs * products / variance + _PREFERENCE / _SPREAD**2) / precision
    return float(np.clip(share, 0.0, 1.0))


def _modes(u: Field, boundaries: Sequence[str]) -> tuple[Array, tuple[int, ...]]:
    """Return the Fourier modes of a field, mirrored along axes that are not periodic, and the size of its grid."""
    for axis, boundary in enumerate(boundaries):
        if boundary != "periodic":
            u = jnp.concatenate([u, jnp.flip(u, axis + 1)], axis + 1)
    return rfftn(u, tuple(range(1, u.ndim - 1))), u.shape[1:-1]


def _mirrored(grid: Sequence[int], boundaries: Sequence[str]) -> tuple[int, ...]:
    return tuple(n if b == "periodic" else 2 * n for n, b in zip(grid, boundaries, strict=True))


@functools.cache
def _bands(grid: tuple[int, ...], boundaries: tuple[str, ...]) -> np.ndarray:
    """Return the number of the octave of every mode of a real transform."""
    square = np.zeros(())
    for axis, (n, boundary) in enumerate(zip(grid, boundaries, strict=True)):
        k = np.fft.rfftfreq(n, 1 / n) if axis == len(grid) - 1 else np.fft.fftfreq(n, 1 / n)
        k = k if boundary == "periodic" else k / 2
        square = square + np.expand_dims(k**2, [other for other in range(len(grid)) if other != axis])
    size = np.sqrt(square)
    octave = 1 + np.floor(np.log2(np.maximum(size, 1.0)) + 1e-9).astype(int)
    return np.minimum(np.where(size == 0, 0, octave), BANDS - 1)
