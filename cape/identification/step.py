"""A step in time of an equation with linear terms, products and forces, on a grid."""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from cape.identification.matrix_exponential import matrix_exponential
from cape.identification.small_grid import is_small, kept_modes, small_grid_products, with_kept_modes
from cape.identification.terms import WAVE_NUMBER_UNIT, Axes, Factor, Term
from cape.solvers.layers.divided_space import max_over_space, mean_over_space, own_part, whole_grid
from cape.solvers.layers.fourier import Size, counting, fixed, integer_wave_numbers, irfftn, rfftn


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
    axes, mirrored = tuple(range(2, u.ndim)), on.mirrored
    modes, grid = transform(on, u)
    waves = wave_numbers(grid, on.periodic)
    pieces = jnp.asarray(substeps, c.dtype)
    half = linear_part(terms, waves, on, c, 2 * pieces, u.shape[-1])
    if all(term.linear for term in terms):
        modes = apply_to_modes(half, apply_to_modes(half, modes))
    elif is_small(grid):  # modes without products are advanced at once
        rate = functools.partial(small_grid_products, terms, on.periodic, grid, c=c / pieces)
        kept = _with_products(rate, kept_modes(half, grid), substeps, kept_modes(modes, grid))
        whole = linear_part(terms, waves, on, c, jnp.ones_like(pieces), u.shape[-1])
        modes = with_kept_modes(apply_to_modes(whole, modes), kept, grid)
    else:
        rate = functools.partial(products, terms, waves, grid, c=c / pieces)
        modes = _with_products(rate, half, substeps, modes)
    return jnp.moveaxis(irfftn(modes, grid, axes, mirrored), 1, -1)


def _with_products(
    rate: Callable[[Array], Array],
    half: Array,
    substeps: int | Array,
    modes: Complex[Array, "batch channel *modes"],
) -> Complex[Array, "batch channel *modes"]:
    """Advance modes by substeps, given the rate of change by products and the linear part of half a substep."""

    def substep(_, modes):
        first = rate(modes)
        start = apply_to_modes(half, modes)
        second = rate(start + 0.5 * apply_to_modes(half, first))
        third = rate(start + 0.5 * second)
        fourth = rate(apply_to_modes(half, start + third))
        return (
            apply_to_modes(half, start + (apply_to_modes(half, first) + 2 * (second + third)) / 6)
            + fourth / 6
        )

    return jax.lax.fori_loop(0, substeps, substep, modes)


def substeps_on_grid(substeps: int | Array, space: Sequence[Size], trained: Sequence[int]) -> int | Array:
    """Return the number of substeps on a grid that is finer than the one the number was fitted on.

    The longest stable substep of products with first derivatives is proportional to the spacing of the points. A
    coarser grid keeps the number, so that substeps are not longer than in training. The number of a grid whose size is
    a symbol of `jax.export` is computed by the program.
    """
    if fixed(space) and isinstance(substeps, int):
        return max(substeps, *(-(-substeps * n // points) for n, points in zip(space, trained, strict=True)))
    number = jnp.asarray(substeps, jnp.int32)
    needed = [-(-number * jnp.asarray(n, jnp.int32) // m) for n, m in zip(space, trained, strict=True)]
    return functools.reduce(jnp.maximum, needed, number)


def transform(
    on: Axes, u: Float[Array, "batch *space channel"]
) -> tuple[Complex[Array, "batch channel *modes"], tuple[Size, ...]]:
    """Return the modes of u, continued by its mirror image at axes that are not periodic, and the whole grid."""
    axes = tuple(range(2, u.ndim))
    signs = jnp.asarray(on.signs(u.shape[-1]), u.dtype).reshape((1, -1) + (1,) * len(axes))
    grid = tuple(n * (1 + twice) for n, twice in zip(whole_grid(u.shape[1:-1]), on.mirrored, strict=True))
    return rfftn(jnp.moveaxis(u, -1, 1), axes, on.mirrored, signs), grid


def wave_numbers(grid: tuple[Size, ...], periodic: tuple[bool, ...]) -> list[Array]:
    """Return k / unit of every axis, each [*modes] with axes of length 1 for the other axes."""
    waves = []
    for axis, (k, around) in enumerate(zip(integer_wave_numbers(grid), periodic, strict=True)):
        k = jnp.asarray(k, jnp.float32) / (WAVE_NUMBER_UNIT if around else 2 * WAVE_NUMBER_UNIT)
        waves.append(_along(k, axis, len(grid)))
    return waves


def inside(waves: list[Array], highest: Sequence[float | Array]) -> Bool[Array, "*modes"]:
    """Return which modes have no wave number above the highest of its axis."""
    each = [jnp.abs(wave) <= most for wave, most in zip(waves, highest, strict=True)]
    return functools.reduce(jnp.logical_and, each)


def _along(values: Array, axis: int, dimension: int) -> Array:
    """Reshape values along one of several axes."""
    return jnp.expand_dims(values, [other for other in range(dimension) if other != axis])


def _derivative(factor: Factor, waves: list[Array]) -> Complex[Array, "*modes"]:
    """Return the multiplier of a factor: the product of (i k)^power, over −k² for a stream function."""
    powers = [wave**power for wave, power in zip(waves, factor.powers, strict=True)]
    size = functools.reduce(jnp.multiply, powers)
    if factor.stream:
        square = functools.reduce(jnp.add, [wave**2 for wave in waves])
        size = jnp.where(square == 0, 0.0, -size / jnp.where(square == 0, 1.0, square))
    order = sum(factor.powers)
    size = -size if order % 4 >= 2 else size
    nothing = jnp.zeros_like(size)
    return jax.lax.complex(nothing, size) if order % 2 else jax.lax.complex(size, nothing)


def linear_part(
    terms: tuple[Term, ...],
    waves: list[Array],
    on: Axes,
    c: Float[Array, "batch term"],
    pieces: Array,
    channels: int,
) -> Complex[Array, "batch output input *modes"]:
    """Return the exponential of one of several equal pieces of the linear part, without growth outside the fit.

    The result is a matrix for every mode, or [batch, channel, 1, *modes] if the matrices are diagonal.
    """
    allowed = inside(waves, on.highest)
    bound = jnp.where(allowed, on.growth / pieces, jnp.zeros((), jnp.float32))
    c = c / pieces
    nothing = jnp.zeros((c.shape[0], *allowed.shape), jnp.complex64)
    entries = {(i, j): nothing for i in range(channels) for j in range(channels)}
    for number, term in enumerate(terms):
        if term.linear:
            rate = over_grid(c[:, number], allowed.ndim).astype(jnp.complex64)
            entries[term.output, term.factors[0].channel] += rate * _derivative(term.factors[0], waves)[None]
    if all(term.output == term.factors[0].channel for term in terms if term.linear):
        symbol = jnp.stack([entries[i, i] for i in range(channels)], 1)[:, :, None]
        return jnp.exp(jax.lax.complex(jnp.minimum(symbol.real, bound[None, None, None]), symbol.imag))
    return matrix_exponential([[entries[i, j] for j in range(channels)] for i in range(channels)], bound)


def over_grid(values: Float[Array, " batch"], dimension: int) -> Float[Array, "batch *one"]:
    """Reshape one number per sample so that it multiplies a field [batch, *grid]."""
    return values.reshape(-1, *(1,) * dimension)


def apply_to_modes(multiplier: Array, modes: Array) -> Array:
    """Multiply the modes [batch, channel, *modes] by the result of `linear_part`."""
    if multiplier.shape[2] == 1:
        return multiplier[:, :, 0] * modes
    return (multiplier * modes[:, None]).sum(2)


def products(
    terms: tuple[Term, ...], waves: list[Array], grid: tuple[Size, ...], modes: Array, c: Array
) -> Array:
    """Return the contribution [batch, channel, *modes] of products and forces with coefficients c."""
    highest = [max_over_space(jnp.abs(wave).max()) for wave in waves]
    kept = inside(waves, [most * 2 / 3 for most in highest])[None, None]
    values = term_values([term for term in terms if not term.linear], waves, grid, jnp.where(kept, modes, 0))
    nothing = own_part(jnp.zeros((modes.shape[0], *grid), jnp.float32), 1)
    channels: list[Array] = [nothing] * modes.shape[1]
    numbers = [number for number, term in enumerate(terms) if not term.linear]
    for number, value in zip(numbers, values, strict=True):
        output = terms[number].output
        channels[output] = channels[output] + over_grid(c[:, number], len(grid)) * value
    return jnp.where(kept, rfftn(jnp.stack(channels, 1), tuple(range(2, modes.ndim))), 0)


def term_values(
    terms: Sequence[Term], waves: list[Array], grid: tuple[Size, ...], modes: Array
) -> list[Array]:
    """Evaluate terms on the grid, without their coefficients, each [batch or 1, *grid]."""
    axes = tuple(range(2, modes.ndim))
    used = list(dict.fromkeys(factor for term in terms for factor in term.factors))
    values = {}
    if used:
        spectra = [modes[:, factor.channel] * _derivative(factor, waves)[None] for factor in used]
        fields = irfftn(jnp.stack(spectra, 1), grid, axes)
        values = dict(zip(used, jnp.moveaxis(fields, 1, 0), strict=True))
    return [
        functools.reduce(jnp.multiply, [values[factor] for factor in term.factors])
        if term.factors
        else _force(term, grid)[None]
        for term in terms
    ]


def _force(term: Term, grid: tuple[Size, ...]) -> Float[Array, "*grid"]:
    """Evaluate the cosine or sine of a force at the cell centres."""
    phases = []
    for axis, (k, n) in enumerate(zip(term.wave, grid, strict=True)):
        turns = k * (2 * jnp.asarray(counting(n), jnp.float32) + 1) / (2 * n)
        phases.append(_along(2 * np.pi * turns, axis, len(grid)))
    phase = functools.reduce(jnp.add, phases)
    return own_part(jnp.broadcast_to(jnp.sin(phase) if term.odd else jnp.cos(phase), grid), 0)


def keep_mean(before: Array, after: Array, conserved: tuple[bool, ...]) -> Array:
    """Give the conserved channels of `after` the mean over space that they have in `before`."""
    change = mean_over_space((after - before).mean(tuple(range(1, before.ndim - 1)), keepdims=True))
    kept = jnp.asarray(conserved, before.dtype).reshape((1,) * (before.ndim - 1) + (-1,))
    return after - change * kept
