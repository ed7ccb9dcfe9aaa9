"""The identified equation, and the step in time that it makes."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from cape.identification.matrix_exponential import matrix_exponential
from cape.identification.parameter_basis import BasisName, basis_functions
from cape.identification.terms import WAVE_NUMBER_UNIT, Factor, Term
from cape.problem import Problem
from cape.solvers.layers.fourier import counting, irfftn, rfftn

_LARGEST_GROWTH = 0.7  # of a mode in one application of the linear part, as a logarithm


@dataclasses.dataclass(frozen=True)
class IdentifiedEquation:
    """An equation u_t = L(p) u + products, found in the training data (see `identify`).

    All coefficients are linear in functions of the parameters, which are divided by the largest trained magnitudes.
    Channels are divided by their standard deviations, and times by the time step.

    Attributes:
        basis: name of the functions of the parameters, see `basis_functions`.
        terms: the linear terms and the products.
        coefficients: [term][function], dimensionless.
        substeps: number of Runge-Kutta steps in a time step.
        misfit: mean square error of one step over that of persistence, at values that the fit did not see.
        error: root mean square error of one step in each channel, in standard deviations of the channel.
    """

    basis: BasisName
    terms: tuple[Term, ...]
    coefficients: tuple[tuple[float, ...], ...]
    substeps: int
    misfit: float
    error: tuple[float, ...]

    def check(self, problem: Problem) -> None:
        """Raise ValueError unless terms, coefficients and errors fit each other and the problem."""
        channels, dimension = len(problem.channels), problem.dimension
        functions = basis_functions(self.basis, jnp.ones((1, len(problem.parameters)), jnp.float32)).shape[1]
        fits = len(self.coefficients) == len(self.terms) and len(self.error) == channels and self.substeps >= 1
        fits &= all(len(row) == functions for row in self.coefficients)
        for term in self.terms:
            fits &= 0 <= term.output < channels and len(term.wave) in (0, dimension)
            fits &= bool(term.factors) or len(term.wave) == dimension
            for factor in term.factors:
                fits &= 0 <= factor.channel < channels and len(factor.powers) == dimension
                fits &= min(factor.powers, default=0) >= 0
        numbers = [*self.error, *(c for row in self.coefficients for c in row)]
        if not fits or not all(math.isfinite(number) for number in numbers):
            raise ValueError("equation: terms, coefficients or errors do not fit the problem, or are not finite")


def coefficients(
    equation: IdentifiedEquation, problem: Problem, p: Float[Array, "batch parameter"]
) -> Float[Array, "batch term"]:
    """Compute the coefficients of all terms at parameters in physical units."""
    largest = np.maximum(np.abs(problem.low), np.abs(problem.high))
    scaled = p / jnp.asarray(np.where(largest == 0, 1.0, largest), p.dtype)[None]
    return basis_functions(equation.basis, scaled) @ jnp.asarray(equation.coefficients, p.dtype).T


def advance(
    equation: IdentifiedEquation,
    problem: Problem,
    u: Float[Array, "batch *space channel"],
    c: Float[Array, "batch term"],
) -> Float[Array, "batch *space channel"]:
    """Advance u, in physical units, by one time step of the equation with the coefficients `c`."""
    std = jnp.asarray(problem.channel_std, u.dtype).reshape((1,) * (u.ndim - 1) + (-1,))
    periodic = tuple(boundary == "periodic" for boundary in problem.boundaries)
    v = step(equation.terms, periodic, equation.substeps, u / std, c)
    return keep_mean(u, v * std, problem.conserved)


def keep_mean(before: Array, after: Array, conserved: tuple[bool, ...]) -> Array:
    """Give the conserved channels of `after` the mean over space that they have in `before`."""
    change = (after - before).mean(tuple(range(1, before.ndim - 1)), keepdims=True)
    return after - change * jnp.asarray(conserved, before.dtype)


def step(
    terms: tuple[Term, ...],
    periodic: tuple[bool, ...],
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
    for axis, around in zip(axes, periodic, strict=True):
        if not around:
            whole = jnp.concatenate([whole, jnp.flip(whole, axis)], axis)
    grid = whole.shape[1:-1]
    waves = wave_numbers(grid, periodic)
    modes = rfftn(jnp.moveaxis(whole, -1, 1), tuple(axis + 1 for axis in axes))  # [batch, channel, *modes]
    half = _linear_part(terms, waves, c / (2 * substeps), u.shape[-1])
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
    terms: tuple[Term, ...], waves: list[Array], c: Float[Array, "batch term"], channels: int
) -> Complex[Array, "batch output input *modes"]:
    """Return the exponential of the linear part: a matrix for every mode, or [batch, channel, 1, *modes] if diagonal."""
    shape = jnp.broadcast_shapes(*(wave.shape for wave in waves))
    entries: dict[tuple[int, int], Array] = {}
    for number, term in enumerate(terms):
        if term.linear:
            position = (term.output, term.factors[0].channel)
            rate = c[:, number].reshape(-1, *(1,) * len(shape))
            found = rate * _derivative(term.factors[0], waves)[None]
            entries[position] = entries.get(position, 0.0) + found
    nothing = jnp.zeros((c.shape[0], *shape), jnp.complex64)

    def entry(i: int, j: int) -> Array:
        return nothing + entries.get((i, j), 0.0)

    if all(i == j for i, j in entries):
        symbol = jnp.stack([entry(i, i) for i in range(channels)], 1)[:, :, None]
        growth = jnp.minimum(symbol.real, _LARGEST_GROWTH)
        return jnp.exp(jax.lax.complex(growth, symbol.imag))
    return matrix_exponential([[entry(i, j) for j in range(channels)] for i in range(channels)])


def _apply(multiplier: Array, modes: Array) -> Array:
    """Multiply the modes [batch, channel, *modes] by the result of `_linear_part`."""
    if multiplier.shape[2] == 1:
        return multiplier[:, :, 0] * modes
    return (multiplier * modes[:, None]).sum(2)


def _products(terms: tuple[Term, ...], waves: list[Array], grid: tuple[int, ...], modes: Array, c: Array) -> Array:
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
