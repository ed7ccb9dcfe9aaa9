"""Viscous stress in a compressible gas: its force and work, in steps far longer than the explicit limit.

Arrays are [variable, sample, *space]; gas.py describes the variables.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cape.datasets.schemes.gas import DENSITY, ENERGY, VELOCITY, State

PerSample = Float[Array, "1 sample *ones"]  # one value per sample, to be broadcast
Wide = Float[Array, "variable sample *wide"]  # with more cells along some axes
Velocity = Float[Array, "component sample *wide"]
Density = Float[Array, "1 sample *wide"]
Faces = Float[Array, "component sample *faces"]  # values at the faces normal to one axis


def pad(u: State, axis: int, width: int, mode: str) -> Wide:
    """Add cells on both sides of a space axis: mode "wrap" (periodic) or "edge" (outgoing)."""
    widths = [(0, 0)] * u.ndim
    widths[2 + axis] = (width, width)
    return jnp.pad(u, widths, mode=mode)


def along(u: Wide, axis: int, start: int, stop: int | None) -> State:
    """Return the cells from start to stop of a space axis; a negative stop counts from the end."""
    return jax.lax.slice_in_dim(u, start, stop, axis=2 + axis)


def newtonian(v: Velocity, rho: Density, axis: int, eta: PerSample, zeta: PerSample, dx: float) -> Faces:
    """Return σᵢₐ = η(∂ᵢvₐ + ∂ₐvᵢ − ⅔ δᵢₐ ∇·v) + ζ δᵢₐ ∇·v at the faces normal to axis a.

    η and ζ are dynamic viscosities. `v` and `rho` have one more cell on each side along every axis.
    """
    normal = _normal(v, axis, dx)
    divergence = normal[axis : axis + 1]
    stress = [eta * normal[i : i + 1] for i in range(len(v))]
    for other in range(len(v)):
        if other != axis:
            slope = _transverse(v, axis, other, dx)
            divergence = divergence + slope[other : other + 1]
            stress[other] = stress[other] + eta * slope[axis : axis + 1]
    stress[axis] = 2 * stress[axis] + (zeta - 2 * eta / 3) * divergence
    return jnp.concatenate(stress)


def as_in_benchmark(
    v: Velocity, rho: Density, axis: int, eta: PerSample, zeta: PerSample, dx: float
) -> Faces:
    """Return σₐₐ = ρ(ζ + 4η/3) ∂ₐvₐ and σᵢₐ = ρη ∂ₐvᵢ at the faces normal to axis a.

    η and ζ are kinematic viscosities; mixed derivatives are left out. PDEBench's files obey this stress. Solved from
    its first frame, a file with M = 1 and η = ζ = 0.01 is reproduced over 20 frames with an nRMSE of 0.02 (0.9 with
    the Newtonian stress). The four coefficients fitted to that file are 1.05 (ζ + 4η/3), 0.99 η, and less than 0.1 η
    for either mixed derivative. `v` and `rho` have one more cell on each side along every axis.
    """
    density = _mean(_faces(rho, axis))
    stress = [eta] * len(v)
    stress[axis] = zeta + 4 * eta / 3
    return density * jnp.concatenate(stress) * _normal(v, axis, dx)


Stress = Callable[[Velocity, Density, int, PerSample, PerSample, float], Faces]


def diffuse(
    q: State, dt: PerSample, eta: PerSample, zeta: PerSample, dx: float, mode: str, stress: Stress
) -> State:
    """Advance ∂ₜ(ρv) = ∇·σ, ∂ₜE = ∇·(σv) by dt, conservatively, with the stress σ that `stress` computes.

    The step is of second order in space (central differences) and time: a Runge-Kutta-Legendre step (RKL2; Meyer,
    Balsara & Aslam 2014), whose s stages are stable up to (s² + s − 2)/4 explicit steps. Every sample takes as many
    stages as it needs. The recursion runs on the momentum that has passed each face. The energy that passes a face is
    this momentum times the velocity, averaged over the step and over both cells. Lost kinetic energy therefore turns
    into heat near that face, and pressure stays positive even if a step damps the flow strongly.
    """
    rho, momentum = q[DENSITY : DENSITY + 1], q[VELOCITY:]
    space = tuple(range(2, q.ndim))
    spread = jnp.maximum(rho.max(axis=space, keepdims=True), 1.0) / rho.min(axis=space, keepdims=True)
    bound = (
        4 * len(space) * (zeta + 4 * eta / 3) * spread / dx**2
    )  # no mode decays faster, with either stress
    stages = _stages(0.5 * dt * bound)
    weight = 4 / (stages**2 + stages - 2)
    wide_rho = _widened(rho, mode)

    def change(momentum):
        v = _widened(momentum / rho, mode)
        return [dt * stress(v, wide_rho, axis, eta, zeta, dx) for axis in range(len(space))]

    def stage(j, carry):
        before, last = carry
        j = jnp.asarray(j, q.dtype)
        b, b1, b2 = _b(j), _b(j - 1), _b(j - 2)
        mu, nu = (2 * j - 1) / j * b / b1, (1 - j) / j * b / b2
        changes = change(momentum + _divergence(last, dx))
        new = [
            mu * (y1 + weight * (change1 - (1 - b1) * change0)) + nu * y2
            for y2, y1, change1, change0 in zip(before, last, changes, first_change, strict=True)
        ]
        return last, [jnp.where(j <= stages, y, y1) for y, y1 in zip(new, last, strict=True)]

    first_change = change(momentum)
    zero, first = [0.0 * c for c in first_change], [weight / 3 * c for c in first_change]
    _, passed = jax.lax.fori_loop(2, jnp.nanmax(stages).astype(jnp.int32) + 1, stage, (zero, first))
    end = momentum + _divergence(passed, dx)
    v = _widened(0.5 * (momentum + end) / rho, mode)
    work = [(_mean(_faces(v, a)) * p).sum(axis=0, keepdims=True) for a, p in enumerate(passed)]
    return jnp.concatenate([rho, q[ENERGY : ENERGY + 1] + _divergence(work, dx), end])


def _b(j):
    return jnp.where(j < 2, 1 / 3, (j**2 + j - 2) / (2 * j * (j + 1)))


def _stages(explicit_steps: PerSample) -> PerSample:
    """Return the number of stages: two for one explicit step, else odd (which damps the shortest waves better)."""
    needed = jnp.ceil(0.5 * (jnp.sqrt(9 + 16 * explicit_steps) - 1))
    return jnp.where(explicit_steps <= 1, 2.0, needed + 1 - needed % 2)


def _widened(u: State, mode: str) -> Wide:
    for axis in range(u.ndim - 2):
        u = pad(u, axis, 1, mode)
    return u


def _divergence(fluxes: list[Array], dx: float) -> State:
    """Return the differences between the faces of each cell, divided by dx and summed over the axes."""
    parts = [(along(f, a, 1, None) - along(f, a, 0, -1)) / dx for a, f in enumerate(fluxes)]
    return functools.reduce(jnp.add, parts)


def _faces(wide: Velocity, axis: int) -> tuple[Faces, Faces]:
    """Return the values on both sides of the faces normal to an axis."""
    for other in range(wide.ndim - 2):
        wide = along(wide, other, 1, -1) if other != axis else wide
    return along(wide, axis, 0, -1), along(wide, axis, 1, None)


def _mean(sides: tuple[Faces, Faces]) -> Faces:
    return 0.5 * (sides[0] + sides[1])


def _normal(wide: Velocity, axis: int, dx: float) -> Faces:
    """Return ∂ₐv at the faces normal to axis a."""
    low, high = _faces(wide, axis)
    return (high - low) / dx


def _transverse(wide: Velocity, axis: int, other: int, dx: float) -> Faces:
    """Return ∂v/∂x_other at the faces normal to `axis`: central in each cell, averaged over the two cells."""
    for third in range(wide.ndim - 2):
        wide = along(wide, third, 1, -1) if third not in (axis, other) else wide
    slope = (along(wide, other, 2, None) - along(wide, other, 0, -2)) / (2 * dx)
    return _mean((along(slope, axis, 0, -1), along(slope, axis, 1, None)))
