"""Reaction and diffusion (Fisher-KPP) by splitting into two parts that are both solved exactly, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.datasets.equations.reaction_diffusion import STEP


def evolve(
    u0: Float[np.ndarray, "sample x"],
    nu: Float[np.ndarray, " sample"],
    rho: Float[np.ndarray, " sample"],
    times: Float[np.ndarray, " time"],
    *,
    step: float = STEP,
) -> Float[np.ndarray, "sample time x"]:
    """Advance point values on an equidistant grid of [0, 1) to each of the times.

    Strang splitting: half a step of reaction by the logistic closed form u eʳ / (1 + u (eʳ − 1)), r = ρ dt/2; a step of
    diffusion, exact in Fourier space; half a step of reaction. Values that ring below zero after diffusion, next to a
    jump, are set to zero: the exact solution is never negative, and negative values would grow without bound.

    Args:
        u0: initial values, at least zero.
        nu: diffusion coefficient ν of each sample.
        rho: growth rate ρ of each sample, per unit of time.
        times: increasing times of the frames; the first one is the time of u0.
        step: longest time step.

    Raises:
        ValueError: shapes do not fit, times do not increase, u0 is negative, ν ≤ 0 or ρ < 0.
    """
    u0, nu, rho, times = (np.asarray(a, np.float64) for a in (u0, nu, rho, times))
    if u0.ndim != 2 or nu.shape != u0.shape[:1] or rho.shape != nu.shape:
        raise ValueError(
            f"expected u0 (sample, x), nu (sample,) and rho (sample,), "
            f"got {u0.shape}, {nu.shape} and {rho.shape}"
        )
    if not (nu > 0).all() or not (rho >= 0).all():
        raise ValueError(
            f"expected Nu > 0 and rho >= 0 for every sample, got {nu.min()} and {rho.min()} at least"
        )
    if not (u0 >= 0).all():
        raise ValueError(f"expected initial values of at least zero (a density), got {u0.min()}")
    if times.ndim != 1 or not (np.diff(times) > 0).all():
        raise ValueError("expected times (time,) that increase from frame to frame")
    if not step > 0:
        raise ValueError(f"expected a positive time step, got {step}")
    with jax.enable_x64(True):
        intervals = np.diff(times)
        steps = np.ceil(intervals / step - 1e-9).astype(np.int32)
        frames = _evolve(*(jnp.asarray(a) for a in (u0, nu, rho, intervals, steps)))
        return np.concatenate([u0[:, None], np.asarray(frames)], axis=1)


@jax.jit
def _evolve(u: Float[Array, "sample x"], nu, rho, intervals, steps) -> Float[Array, "sample interval x"]:
    points = u.shape[-1]
    k = 2 * jnp.pi * jnp.arange(points // 2 + 1, dtype=u.dtype)
    rates = -nu[:, None] * (k**2)[None, :]

    def interval(u, duration_and_steps):
        duration, steps = duration_and_steps
        dt = duration / steps.astype(u.dtype)
        decay = jnp.exp(dt * rates)
        growth, half_growth = jnp.exp(rho * dt)[:, None], jnp.exp(0.5 * rho * dt)[:, None]

        def diffuse(u):
            spectrum = jnp.fft.rfft(u)
            return jnp.maximum(jnp.fft.irfft(spectrum * decay.astype(spectrum.dtype), points), 0.0)

        u = _react(u, half_growth)  # the last half step of a step and the first of the next make one
        u = jax.lax.fori_loop(0, steps - 1, lambda _, u: _react(diffuse(u), growth), u)
        u = _react(diffuse(u), half_growth)
        return u, u

    _, frames = jax.lax.scan(interval, u, (intervals, steps))
    return jnp.moveaxis(frames, 0, 1)


def _react(u: Float[Array, "sample x"], growth: Float[Array, "sample 1"]) -> Float[Array, "sample x"]:
    return u * growth / (1.0 + u * (growth - 1.0))
