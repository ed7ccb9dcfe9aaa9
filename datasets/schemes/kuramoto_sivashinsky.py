"""The Kuramoto-Sivashinsky equation by Fourier modes and exponential time steps in float64."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.datasets.equations.kuramoto_sivashinsky import LENGTH, STEP
from cape.datasets.schemes import etd


def evolve(
    u0: Float[np.ndarray, "sample x"],
    nu: Float[np.ndarray, " sample"],
    times: Float[np.ndarray, " time"],
    *,
    length: float = LENGTH,
    step: float = STEP,
) -> Float[np.ndarray, "sample time x"]:
    """Advance point values on an equidistant grid of the periodic [0, length) to each of the times.

    Fourier-Galerkin: the lower two thirds of the modes are retained, so that u² has no aliasing. The linear part of
    ETDRK4 is −∂ₓₓu − ν ∂ₓₓₓₓu, which makes waves longer than 2π√ν grow; the nonlinear part is −∂ₓ(u²/2). ∑u is
    conserved to rounding.

    Args:
        u0: initial values.
        nu: hyperviscosity ν of each sample.
        times: increasing times of the frames; the first one is the time of u0.
        length: length of the domain.
        step: longest time step.

    Raises:
        ValueError: shapes do not fit, times do not increase, or ν is not positive.
    """
    u0, nu, times = (np.asarray(a, np.float64) for a in (u0, nu, times))
    if u0.ndim != 2 or nu.shape != u0.shape[:1]:
        raise ValueError(f"expected u0 (sample, x) and nu (sample,), got {u0.shape} and {nu.shape}")
    if not (nu > 0).all():
        raise ValueError(f"expected a positive hyperviscosity nu for every sample, got {nu.min()}")
    intervals, steps = etd.steps_between(times, step)
    with jax.enable_x64(True):
        arrays = (u0, nu, np.float64(length), intervals, steps)
        frames = np.asarray(_evolve(*(jnp.asarray(a) for a in arrays)))
    return np.concatenate([u0[:, None], frames], axis=1)


@jax.jit
def _evolve(u: Float[Array, "sample x"], nu, length, intervals, steps) -> Float[Array, "sample interval x"]:
    points = u.shape[-1]
    numbers = np.arange(points // 2 + 1)
    retained = jnp.asarray(numbers <= (points - 1) // 3)[None]
    k = jnp.asarray(2 * np.pi * numbers)[None] / length
    rates = k**2 - nu[:, None] * k**4
    derivative = jnp.where(retained, k, 0.0).astype(jnp.complex128) * 1j

    def steepen(spectrum):
        u = jnp.fft.irfft(spectrum, points)
        return derivative * jnp.fft.rfft(-0.5 * u**2)

    def interval(spectrum, duration_and_steps):
        spectrum = etd.advance(spectrum, rates, steepen, *duration_and_steps)
        return spectrum, jnp.fft.irfft(spectrum, points)

    _, frames = jax.lax.scan(interval, jnp.where(retained, jnp.fft.rfft(u), 0.0), (intervals, steps))
    return jnp.moveaxis(frames, 0, 1)
