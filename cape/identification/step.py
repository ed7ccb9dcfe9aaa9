"""A step in time of an equation with linear terms, products and forces, on a grid."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from cape.identification.matrix_exponential import matrix_exponential
from cape.identification.terms import WAVE_NUMBER_UNIT, Axes, Factor, Term
from cape.solvers.layers.fourier import counting, irfftn, rfftn

_LARGEST_GROWTH = 0.7  # of a mode in half a substep, as a logarithm


def step(
    terms: tuple[Term, ...],
    on: Axes,
    substeps: int | Array,
    u: Float[Array, "batch *space channel"],
    c: Float[Array, "batch term"],
) -> Float[Array, "batch *space channel"]:
    """Advance u by one unit of time. The linear part is exact.

    The products are integrated with the Runge-Kutta method of order 4 in the variable exp(−L t) u (Lawson, SIAM J.
    Numer. Anal. 4, 1967), and dealiased by the rule of two thirds.
    """
    axes = tuple(range(1, u.ndim - 1))
    whole = u
    for axis, around in zip(axes, on.periodic, strict=True):
        if not around:
            whole = jnp.concatenate([whole, jnp.flip(whole, axis)], axis)
    grid = whole.shape[1:-1]
    waves = wave_numbers(grid, on.periodic)
    modes = rfftn(jnp.moveaxis(whole, -1, 1), tuple(axis + 1 for axis in axes))  # [batch, channel, *modes]
    half = _linear_part(terms, waves, on, c / (2 * substeps), u.shape[-1])
    if all(term.linear for term in terms):
        modes = _apply(half, _apply(half, modes))
    else:
        rate = functools.partial(_products, terms, waves, grid, c=c / substeps)

        def substep(_, modes):
            first = rate(modes)
            start = _apply(half, modes)
            second = rate(start + 0.5 * _apply(half, first))
            third = rate(start + 0.5 * second)
            fourth = rate(_apply(half, start + third))
            return _apply(half, start + (_apply(half, first) + 2 * (second + third)) / 6) + fourth / 6

        modes = jax.lax.fori_loop(0, substeps, substep, modes)
    after = irfftn(modes, grid, tuple(axis + 1 for axis in axes))
    after = after[(slice(None), slice(None), *(slice(n) for n in u.shape[1:-1]))]
    return jnp.moveaxis(after, 1, -1)


def wave_numbers(grid: tuple[int, ...], periodic: tuple[bool, ...]) -> list[Array]:
    """Return i k / unit of every axis, each [*modes] with axes of length 1 for the other axes."""
    waves = []
    for axis, (n, around) in enumerate(zip(grid, periodic, strict=True)):
        k = counting(n // 2 + 1) if axis == len(grid) - 1 else (counting(n) + n // 2) % n - n // 2
        shape = [1] * len(grid)
        shape[axis] = -1
        k = jnp.asarray(k, jnp.float32) / (WAVE_NUMBER_UNIT if around else 2 * WAVE_NUMBER_UNIT)
        waves.append(1j * k.reshape(shape))
    return waves


def _derivative(factor: Factor, waves: list[Array]) -> Array:
    """Return the multiplier of a factor."""
    multiplier = functools.reduce(
        jnp.multiply, [wave**power for wave, power in zip(waves, factor.powers, strict=True)]
    )
    if factor.stream:
        laplacian = functools.reduce(jnp.add, [(wave**2).real for wave in waves])
        multiplier = multiplier / jnp.where(laplacian == 0, 1.0, laplacian) * (laplacian != 0)
    return multiplier


def _linear_part(
    terms: tuple[Term, ...], waves: list[Array], on: Axes, c: Float[Array, "batch term"], channels: int
) -> Complex[Array, "batch output input *modes"]:
    """Return the exponential of the linear part: a matrix for every mode, or [batch, channel, 1, *modes] if diagonal.

    Modes grow by at most a factor of two, and modes outside the fit do not grow.
    """
    shape = jnp.broadcast_shapes(*(wave.shape for wave in waves))
    entries: dict[tuple[int, int], Array] = {}
    for number, term in enumerate(terms):
        if term.linear:
            position = (term.output, term.factors[0].channel)
            rate = c[:, number].reshape(-1, *(1,) * len(shape))
            found = rate * _derivative(term.factors[0], waves)[None]
            entries[position] = entries.get(position, 0.0) + found
    fitted = [jnp.abs(wave.imag) <= highest for wave, highest in zip(waves, on.highest, strict=True)]
    bound = jnp.where(functools.reduce(jnp.logical_and, fitted), _LARGEST_GROWTH, 0.0)
    nothing = jnp.zeros((c.shape[0], *shape), jnp.complex64)

    def entry(i: int, j: int) -> Array:
        return nothing + entries.get((i, j), 0.0)

    if all(i == j for i, j in entries):
        symbol = jnp.stack([entry(i, i) for i in range(channels)], 1)[:, :, None]
        return jnp.exp(jax.lax.complex(jnp.minimum(symbol.real, bound), symbol.imag))
    return matrix_exponential([[entry(i, j) for j in range(channels)] for i in range(channels)], bound)


def _apply(multiplier: Array, modes: Array) -> Array:
    """Multiply the modes [batch, channel, *modes] by the result of `_linear_part`."""
    if multiplier.shape[2] == 1:
        return multiplier[:, :, 0] * modes
    return (multiplier * modes[:, None]).sum(2)


def _products(
    terms: tuple[Term, ...], waves: list[Array], grid: tuple[int, ...], modes: Array, c: Array
) -> Array:
    """Return the contribution [batch, channel, *modes] of products and forces with coefficients c."""
    kept = functools.reduce(
        jnp.logical_and, [jnp.abs(wave.imag) <= jnp.abs(wave.imag).max() * 2 / 3 for wave in waves]
    )
    values = term_values([term for term in terms if not term.linear], waves, grid, modes * kept)
    channels: list[Array] = [jnp.zeros((modes.shape[0], *grid), jnp.float32)] * modes.shape[1]
    numbers = [number for number, term in enumerate(terms) if not term.linear]
    for number, value in zip(numbers, values, strict=True):
        output = terms[number].output
        channels[output] = channels[output] + c[:, number].reshape(-1, *(1,) * len(grid)) * value
    return rfftn(jnp.stack(channels, 1), tuple(range(2, modes.ndim))) * kept


def term_values(terms: list[Term], waves: list[Array], grid: tuple[int, ...], modes: Array) -> list[Array]:
    """Evaluate terms on the grid, without their coefficients, each [batch, *grid]."""
    axes = tuple(range(2, modes.ndim))
    used = list(dict.fromkeys(factor for term in terms for factor in term.factors))
    values = {}
    if used:
        spectra = jnp.stack([modes[:, factor.channel] * _derivative(factor, waves) for factor in used], 1)
        values = dict(zip(used, jnp.moveaxis(irfftn(spectra, grid, axes), 1, 0), strict=True))
    return [
        functools.reduce(jnp.multiply, [values[factor] for factor in term.factors])
        if term.factors
        else force_field(term, grid)[None]
        for term in terms
    ]


def force_field(term: Term, grid: tuple[int, ...]) -> Float[Array, "*grid"]:
    """Evaluate the cosine or sine of a force at the cell centres."""
    phase = jnp.zeros((1,) * len(grid), jnp.float32)
    for axis, (k, n) in enumerate(zip(term.wave, grid, strict=True)):
        shape = [1] * len(grid)
        shape[axis] = -1
        turns = k * (2 * jnp.asarray(counting(n), jnp.float32) + 1) / (2 * n)
        phase = phase + (2 * np.pi * turns).reshape(shape)
    return jnp.broadcast_to(jnp.sin(phase) if term.odd else jnp.cos(phase), grid)


def keep_mean(before: Array, after: Array, conserved: tuple[bool, ...]) -> Array:
    """Give the conserved channels of `after` the mean over space that they have in `before`."""
    change = (after - before).mean(tuple(range(1, before.ndim - 1)), keepdims=True)
    return after - change * jnp.asarray(conserved, before.dtype)
