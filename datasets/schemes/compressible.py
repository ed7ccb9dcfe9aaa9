"""Compressible Navier-Stokes equations of an ideal gas in one to three dimensions by finite volumes in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cape.datasets.equations.compressible import GAMMA
from cape.datasets.schemes.gas import (
    DENSITY,
    PRESSURE,
    VELOCITY,
    State,
    conserved,
    hllc_flux,
    primitive,
    sound_speed,
)
from cape.datasets.schemes.viscosity import PerSample, Stress, along, as_in_benchmark, diffuse, pad

COURANT = 0.7  # (|v| + c) dt/dx along any axis at the beginning of a pair of steps; stable below 1
FIRST_ORDER_FRACTION = 0.2  # of the usual step; below it, the scheme is of first order
SMALLEST_FRACTION = 1e-4  # of the usual step; a sample that needs a smaller one becomes NaN
CELLS_AT_ONCE = 4096  # on a CPU; arrays that fit into its cache are several times faster
PADDING = {"periodic": "wrap", "outgoing": "edge"}


def evolve(
    initial: Float[np.ndarray, "sample *space channel"],
    eta: Float[np.ndarray, " sample"],
    zeta: Float[np.ndarray, " sample"],
    times: Float[np.ndarray, " time"],
    *,
    length: float = 1.0,
    boundary: str = "periodic",
    stress: Stress = as_in_benchmark,
    dtype: type = np.float64,
) -> Float[np.ndarray, "sample time *space channel"]:
    """Advance density ρ, pressure p and velocity v (one component per axis) to each of the times.

    ∂ₜρ + ∇·(ρv) = 0, ∂ₜ(ρv) + ∇·(ρvv + p) = ∇·σ, ∂ₜE + ∇·((E + p)v) = ∇·(σv), E = p/(γ − 1) + ρ|v|²/2,
    γ = 5/3, with the viscous stress σ and without heat conduction.

    Strang splitting into sweeps along the axes and viscosity, over pairs of steps: x, y, z, viscosity over both
    steps, z, y, x. A sweep is MUSCL-Hancock (van Leer 1979; 1984) with HLLC fluxes. The scheme is of second order if
    the flow is smooth. It conserves mass, momentum and energy to rounding. Every sample has its own time step, so that
    its solution does not depend on the other samples. A sample that cannot be continued becomes NaN.

    Args:
        initial: ρ, p, v on square cells.
        eta, zeta: shear and bulk viscosity of each sample; `stress` says whether kinematic or dynamic.
        times: increasing times of the frames; the first one is the time of `initial`.
        length: length of the domain along its first axis.
        boundary: "periodic", or "outgoing" (the flow continues unchanged beyond the edge).
        stress: the stress tensor σ, `viscosity.as_in_benchmark` or `viscosity.newtonian`.
        dtype: type of the result.

    Returns:
        w[sample, time, *space, channel]: density, pressure, velocity; cell averages.

    Raises:
        ValueError: shapes do not fit, times do not increase, or values are out of range.
    """
    w, eta, zeta, times = (np.asarray(a, np.float64) for a in (initial, eta, zeta, times))
    _check(w, eta, zeta, times, boundary)
    out = np.empty((len(w), len(times), *w.shape[1:]), dtype)
    out[:, 0] = w
    dx = length / w.shape[1]
    at_once = max(1, CELLS_AT_ONCE // w[0, ..., 0].size) if jax.default_backend() == "cpu" else len(w)
    at_once = min(at_once, len(w))
    for start in range(0, len(w), at_once):
        rows = np.arange(start, start + at_once) % len(
            w
        )  # the last rows repeat the first: one shape, one compilation
        frames = _frames(w[rows], eta[rows], zeta[rows], times, dx, boundary, stress)
        for number, frame in enumerate(frames, start=1):
            out[rows, number] = frame
    return out


def _frames(
    w, eta, zeta, times, dx: float, boundary: str, stress: Stress
) -> list[Float[np.ndarray, "sample *space channel"]]:
    ones, frames = (1, len(w), *[1] * (w.ndim - 2)), []
    with jax.enable_x64(True):
        q = conserved(jnp.asarray(np.moveaxis(w, -1, 0)))
        viscosities = [jnp.asarray(a.reshape(ones)) for a in (eta, zeta)]
        for duration in np.diff(times):
            q, now = _advance(
                q, jnp.asarray(duration), *viscosities, dx=dx, mode=PADDING[boundary], stress=stress
            )
            frames.append(np.moveaxis(np.asarray(now), 0, -1))
    return frames


def _check(w, eta, zeta, times, boundary) -> None:
    dimension = w.ndim - 2
    if dimension not in (1, 2, 3) or w.shape[-1] != 2 + dimension:
        raise ValueError(
            "expected initial values (sample, *space, channel) of density, pressure and as many components of "
            f"velocity as axes, got {w.shape}"
        )
    if eta.shape != w.shape[:1] or zeta.shape != w.shape[:1]:
        raise ValueError(
            f"expected eta and zeta (sample,) for {len(w)} samples, got {eta.shape} and {zeta.shape}"
        )
    if not ((eta >= 0).all() and (zeta >= 0).all()):
        raise ValueError(f"expected viscosities of at least zero, got {eta.min()} and {zeta.min()}")
    if not (np.isfinite(w).all() and (w[..., :2] > 0).all()):
        raise ValueError("expected finite initial values, with positive density and pressure")
    if times.ndim != 1 or not (np.diff(times) > 0).all():
        raise ValueError("expected times (time,) that increase from frame to frame")
    if boundary not in PADDING:
        raise ValueError(f"boundary {boundary!r}, expected one of {', '.join(PADDING)}")


@partial(jax.jit, static_argnames=("dx", "mode", "stress"))
def _advance(
    q: State,
    duration: Float[Array, ""],
    eta: PerSample,
    zeta: PerSample,
    *,
    dx: float,
    mode: str,
    stress: Stress,
) -> tuple[State, State]:
    """Advance by `duration`.

    If a pair of steps makes density or pressure negative, it is repeated with half the time step. After several
    failures, it is repeated at first order.
    """

    def pair(carry):
        q, remaining, fraction = carry
        pairs = jnp.maximum(jnp.ceil(0.5 * remaining / (fraction * _longest_step(q, dx))), 1.0)
        dt = 0.5 * remaining / pairs
        new = _pair(q, dt, fraction, eta, zeta, dx, mode, stress)
        good = _is_positive(new)
        lost = ~good & (fraction < SMALLEST_FRACTION)
        q = jnp.where(good, new, jnp.where(lost, jnp.nan, q))
        left = jnp.where(pairs == 1.0, 0.0, remaining - 2 * dt)
        remaining = jnp.where(good, left, jnp.where(lost, 0.0, remaining))
        return q, remaining, jnp.where(good, jnp.minimum(2 * fraction, 1.0), 0.5 * fraction)

    start = q, jnp.full(eta.shape, duration), jnp.ones(eta.shape)
    q, _, _ = jax.lax.while_loop(lambda carry: (carry[1] > 0).any(), pair, start)
    return q, primitive(q)


def _pair(
    q: State, dt: PerSample, fraction: PerSample, eta, zeta, dx: float, mode: str, stress: Stress
) -> State:
    axes = range(q.ndim - 2)
    for axis in axes:
        q = _sweep(q, dt, fraction, dx, axis, mode)
    q = diffuse(q, 2 * dt, eta, zeta, dx, mode, stress)
    for axis in reversed(axes):
        q = _sweep(q, dt, fraction, dx, axis, mode)
    return q


def _is_positive(q: State) -> Bool[Array, "1 sample *ones"]:
    w = primitive(q)[:2]
    return ((w > 0) & (w < jnp.inf)).all(axis=(0, *range(2, w.ndim)), keepdims=True)


def _longest_step(q: State, dx: float) -> PerSample:
    w = primitive(q)
    speed = jnp.abs(w[VELOCITY:]).max(axis=0) + sound_speed(w)
    return COURANT * dx / speed.max(axis=tuple(range(1, speed.ndim)), keepdims=True)[None]


def _sweep(q: State, dt: PerSample, fraction: PerSample, dx: float, axis: int, mode: str) -> State:
    """Advance the flow along one axis: limited slopes, face values half a step later, the flux between them."""
    w = primitive(pad(q, axis, 2, mode))
    steps = along(w, axis, 1, None) - along(w, axis, 0, -1)
    w, slope = along(w, axis, 1, -1), _limited(along(steps, axis, 0, -1), along(steps, axis, 1, None))
    drift = dt / dx * _drift(w, slope, axis)
    # without this limit, density or pressure could become negative at a face
    safe = jnp.abs(drift[:2]) + jnp.abs(slope[:2]) < 1.9 * w[:2]
    safe = safe.all(axis=0, keepdims=True) & (fraction > FIRST_ORDER_FRACTION)
    drift, slope = jnp.where(safe, drift, 0.0), jnp.where(safe, slope, 0.0)
    low, high = w + 0.5 * (drift - slope), w + 0.5 * (drift + slope)
    flux = hllc_flux(along(high, axis, 0, -1), along(low, axis, 1, None), axis)
    return q - dt / dx * (along(flux, axis, 1, None) - along(flux, axis, 0, -1))


def _limited(backward: State, forward: State) -> State:
    """Return van Leer's slope: the harmonic mean of both differences, zero at extrema."""
    product = backward * forward
    return jnp.where(product > 0, 2 * product / jnp.where(product > 0, backward + forward, 1.0), 0.0)


def _drift(w: State, slope: State, axis: int) -> State:
    """Return dx ∂ₜw by the Euler equations in primitive variables, given slopes along the axis."""
    n = VELOCITY + axis
    v, squeeze = w[n], slope[n]
    drift = v[None] * slope
    drift = drift.at[DENSITY].add(w[DENSITY] * squeeze).at[PRESSURE].add(GAMMA * w[PRESSURE] * squeeze)
    return -drift.at[n].add(slope[PRESSURE] / w[DENSITY])
