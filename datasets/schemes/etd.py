"""Exponential time differencing of fourth order for semilinear equations ∂ₜu = L u + N(u) with diagonal L."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact, Int

SERIES = 18  # terms of the series of φ₃ for |z| ≤ 1; the next one is below 1e-20


class Weights(NamedTuple):
    """The factors of one step of length dt (see `step`), each of the shape of the rates."""

    full: Array  # exp(L dt)
    half: Array  # exp(L dt/2)
    stage: Array  # (dt/2) φ₁(L dt/2)
    first: Array
    middle: Array
    last: Array


def advance(
    u: Inexact[Array, " *modes"],
    rates: Float[Array, " *modes"],
    nonlinear: Callable[[Array], Array],
    duration: Float[Array, ""],
    steps: Int[Array, ""],
) -> Inexact[Array, " *modes"]:
    """Advance ∂ₜu = rates · u + nonlinear(u) by `duration` in equal steps, inside a jitted function.

    Steady states of the equation are kept to rounding. Modes without a nonlinear part decay exactly.

    Args:
        u: coefficients in a basis in which the linear part is diagonal, such as Fourier modes.
        rates: the real diagonal of the linear part, per unit of time.
        nonlinear: the nonlinear part, from coefficients to coefficients.
        duration: time to advance by.
        steps: number of steps, at least one.
    """
    weights = step_weights(rates, duration / steps.astype(rates.dtype))
    return jax.lax.fori_loop(0, steps, lambda _, u: step(u, nonlinear, weights), u)


def steps_between(
    times: Float[np.ndarray, " time"], longest: float
) -> tuple[Float[np.ndarray, " interval"], Int[np.ndarray, " interval"]]:
    """Return the time between consecutive frames, and the number of steps in it, none longer than `longest`.

    Raises:
        ValueError: times are empty or do not increase, or `longest` is not positive.
    """
    times = np.asarray(times, np.float64)
    if times.ndim != 1 or not len(times) or not (np.diff(times) > 0).all():
        raise ValueError("expected times (time,) that increase from frame to frame")
    if not longest > 0:
        raise ValueError(f"expected a positive time step, got {longest}")
    intervals = np.diff(times)
    return intervals, np.maximum(np.ceil(intervals / longest - 1e-9), 1).astype(np.int32)


def step(u: Array, nonlinear: Callable[[Array], Array], weights: Weights) -> Array:
    """Take one step of ETDRK4 (Cox & Matthews 2002, eqs. 26-29): fourth order, exact if N is constant."""
    full, half, stage, first, middle, last = (w.astype(u.dtype) for w in weights)
    n_start = nonlinear(u)
    a = half * u + stage * n_start
    n_a = nonlinear(a)
    n_b = nonlinear(half * u + stage * n_a)
    n_c = nonlinear(half * a + stage * (2 * n_b - n_start))
    return full * u + first * n_start + middle * (n_a + n_b) + last * n_c


def step_weights(rates: Float[Array, " *modes"], dt: Float[Array, ""]) -> Weights:
    """Return the weights of steps of length dt."""
    z = rates * dt
    half_one, *_ = phi(z / 2)
    one, two, three = phi(z)
    return Weights(
        full=jnp.exp(z),
        half=jnp.exp(z / 2),
        stage=dt / 2 * half_one,
        first=dt * (one - 3 * two + 4 * three),
        middle=dt * (2 * two - 4 * three),
        last=dt * (4 * three - two),
    )


def phi(z: Float[Array, " *modes"]) -> tuple[Array, Array, Array]:
    """Return φ₁, φ₂, φ₃ of real z: φₙ(z) = ∑ⱼ zʲ/(j + n)!, so φ₁ = (eᶻ − 1)/z and φₙ₊₁ = (φₙ − 1/n!)/z.

    Near zero these quotients suffer from cancellation (Kassam & Trefethen 2005). For |z| ≤ 1, φ₃ is computed from its
    series, and the others follow from it without division. Otherwise the quotients are used. The relative error is
    below 1e-13 in float64.
    """
    small = jnp.abs(z) <= 1
    near = jnp.where(small, z, 0.0)
    inverse_factorials = 1 / np.cumprod(np.arange(1.0, SERIES + 3))[2:]  # 1/3!, 1/4!, ...
    three = jnp.zeros_like(z)
    for coefficient in inverse_factorials[::-1]:
        three = three * near + coefficient
    two = three * near + 0.5
    one = two * near + 1.0
    far = jnp.where(small, 2.0, z)
    far_one = jnp.expm1(far) / far
    far_two = (far_one - 1) / far
    far_three = (far_two - 0.5) / far
    return jnp.where(small, one, far_one), jnp.where(small, two, far_two), jnp.where(small, three, far_three)
