"""Reaction and diffusion (Fisher-KPP) by splitting into two parts that are both solved exactly, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.datasets.equations.reaction_diffusion import STEP


def evolve(
    u0: Float[np.ndarray, "sample *space"],
    nu: Float[np.ndarray, " sample"],
    rho: Float[np.ndarray, " sample"],
    times: Float[np.ndarray, " time"],
    *,
    step: float = STEP,
) -> Float[np.ndarray, "sample time *space"]:
    """Advance point values on an equidistant grid of the unit interval, square or cube to each of the times.

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
    if u0.ndim < 2 or nu.shape != u0.shape[:1] or rho.shape != nu.shape:
        raise ValueError(
            f"expected u0 (sample, *space), nu (sample,) and rho (sample,), "
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
def _evolve(
    u: Float[Array, "sample *space"], nu, rho, intervals, steps
) -> Float[Array, "sample interval *space"]:
    space, axes = u.shape[1:], tuple(range(1, u.ndim))
    waves = [np.fft.fftfreq(n, 1 / n) for n in space[:-1]] + [np.arange(space[-1] // 2 + 1)]
    squared = sum((2 * np.pi * k) ** 2 for k in np.meshgrid(*waves, indexing="ij"))
    nu, rho = (p.reshape(-1, *(1,) * len(space)) for p in (nu, rho))
    rates = -nu * jnp.asarray(squared, u.dtype)[None]

    def interval(u, duration_and_steps):
        duration, steps = duration_and_steps
        dt = duration / steps.astype(u.dtype)
        decay = jnp.exp(dt * rates)
        growth, half_growth = jnp.exp(rho * dt), jnp.exp(0.5 * rho * dt)

        def diffuse(u):
            spectrum = jnp.fft.rfftn(u, axes=axes)
            return jnp.maximum(jnp.fft.irfftn(spectrum * decay.astype(spectrum.dtype), space, axes), 0.0)

        u = _react(u, half_growth)  # the last half step of a step and the first of the next make one
        u = jax.lax.fori_loop(0, steps - 1, lambda _, u: _react(diffuse(u), growth), u)
        u = _react(diffuse(u), half_growth)
        return u, u

    _, frames = jax.lax.scan(interval, u, (intervals, steps))
    return jnp.moveaxis(frames, 0, 1)


def _react(
    u: Float[Array, "sample *space"], growth: Float[Array, "sample *one"]
) -> Float[Array, "sample *space"]:
    return u * growth / (1.0 + u * (growth - 1.0))
