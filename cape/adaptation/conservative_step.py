"""A step in time of an identified equation whose transport u ∂u is discretised as a conservation law.

Fourier modes ring at fronts that are thinner than a cell. Fluxes through the faces of cells, with a limiter, do not.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cape.datasets.schemes.burgers import limited_step
from cape.identification.step import apply_to_modes, linear_part, over_grid, products, wave_numbers
from cape.identification.terms import WAVE_NUMBER_UNIT, Axes, Term
from cape.solvers.layers.fourier import irfftn, rfftn


def transport_axis(term: Term) -> int | None:
    """Return the axis of a term u ∂u in the equation of u itself, or None for any other term."""
    if len(term.factors) != 2:
        return None
    first, second = sorted(term.factors, key=lambda factor: sum(factor.powers))
    plain = not (first.stream or second.stream) and first.channel == second.channel == term.output
    return second.powers.index(1) if plain and not sum(first.powers) and sum(second.powers) == 1 else None


def applies(terms: tuple[Term, ...], periodic: tuple[bool, ...]) -> bool:
    """Return whether there is transport to discretise. All axes have to be periodic."""
    return all(periodic) and any(transport_axis(term) is not None for term in terms)


def largest_courant(
    terms: tuple[Term, ...], c: Float[Array, "batch term"], size: float, grid: tuple[int, ...]
) -> float:
    """Return how many cells a signal of amplitude `size` (in standard deviations) crosses in a time step."""
    speeds = [0.0] * len(grid)
    for number, term in enumerate(terms):
        axis = transport_axis(term)
        if axis is not None:
            speeds[axis] += float(jnp.abs(c[:, number]).max()) * size * _cells_per_unit(grid[axis])
    return sum(speeds)


def conservative_step(
    terms: tuple[Term, ...],
    on: Axes,
    substeps: int | Array,
    u: Float[Array, "batch *space channel"],
    c: Float[Array, "batch term"],
) -> Float[Array, "batch *space channel"]:
    """Advance u by one unit of time: Strang splitting, with the linear part exact.

    Transport c u ∂u is the divergence of the flux c u²/2: the limited reconstruction of Koren (1993) and the exact
    Riemann solution at the faces (Godunov). Other products and forces are evaluated as in `step`. Time steps are of
    third order (Shu and Osher, J. Comput. Phys. 77, 1988).
    """
    grid, channels = u.shape[1:-1], u.shape[-1]
    axes = tuple(range(2, u.ndim))
    waves = wave_numbers(grid, on.periodic)
    pieces = jnp.asarray(substeps, c.dtype)
    half = linear_part(terms, waves, on, c, 2 * pieces, channels)
    rest = tuple(term for term in terms if not term.linear and transport_axis(term) is None)
    of_rest = [number for number, term in enumerate(terms) if term in rest]
    share = c / pieces

    def diffuse(v):
        return irfftn(apply_to_modes(half, rfftn(v, axes)), grid, axes)

    def tendency(v):
        rate = _transport(terms, share, v)
        if rest:
            rate += irfftn(products(rest, waves, grid, rfftn(v, axes), share[:, of_rest]), grid, axes)
        return rate

    def substep(_, v):
        v = diffuse(v)
        first = v + tendency(v)
        second = 0.75 * v + 0.25 * (first + tendency(first))
        return diffuse((v + 2.0 * (second + tendency(second))) / 3.0)

    v = jax.lax.fori_loop(0, substeps, substep, jnp.moveaxis(u, -1, 1))
    return jnp.moveaxis(v, 1, -1)


def _cells_per_unit(cells: int) -> float:
    return cells / (2 * math.pi * WAVE_NUMBER_UNIT)


def _transport(
    terms: tuple[Term, ...], c: Float[Array, "batch term"], v: Float[Array, "batch channel *space"]
) -> Float[Array, "batch channel *space"]:
    """Return the rate of change by all transport."""
    rates = [jnp.zeros_like(v[:, channel]) for channel in range(v.shape[1])]
    for number, term in enumerate(terms):
        axis = transport_axis(term)
        if axis is not None:
            w = v[:, term.output]
            speed = -over_grid(c[:, number], w.ndim - 1)  # ∂u/∂t + speed u ∂u = 0
            flux = _godunov(w, speed, axis + 1) * _cells_per_unit(w.shape[axis + 1])
            rates[term.output] = rates[term.output] + jnp.roll(flux, 1, axis + 1) - flux
    return jnp.stack(rates, 1)


def _godunov(
    w: Float[Array, "batch *space"], speed: Float[Array, "batch *one"], axis: int
) -> Float[Array, "batch *space"]:
    """Return the flux speed u²/2 through the face after each cell. For a negative speed, −u has a positive one."""
    sign = jnp.sign(speed)
    w = sign * w
    backward = w - jnp.roll(w, 1, axis)
    forward = jnp.roll(backward, -1, axis)
    left = w + limited_step(backward, forward)
    right = jnp.roll(w - limited_step(forward, backward), -1, axis)
    upwind = jnp.maximum(jnp.maximum(left, 0.0), -jnp.minimum(right, 0.0))
    return sign * jnp.abs(speed) * upwind**2 / 2
