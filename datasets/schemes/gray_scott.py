"""Gray-Scott reaction and diffusion by Fourier modes and exponential time steps in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.datasets.equations.gray_scott import DIFFUSION, LENGTH, STEP
from cape.datasets.schemes import etd


def evolve(
    u0: Float[np.ndarray, "sample x y 2"],
    feed: Float[np.ndarray, " sample"],
    kill: Float[np.ndarray, " sample"],
    times: Float[np.ndarray, " time"],
    *,
    length: float = LENGTH,
    step: float = STEP,
) -> Float[np.ndarray, "sample time x y 2"]:
    """Advance point values on an equidistant grid of a periodic square to each of the times.

    Fourier collocation. The linear part of ETDRK4 is diffusion and decay; the nonlinear part is A B² and the feed.

    Args:
        u0: the channels A and B.
        feed, kill: F and k of each sample, per unit of time.
        times: increasing times of the frames; the first one is the time of u0.
        length: side of the square.
        step: longest time step.

    Raises:
        ValueError: shapes do not fit, times do not increase, or F or k are below zero.
    """
    u0, feed, kill, times = (np.asarray(a, np.float64) for a in (u0, feed, kill, times))
    if u0.ndim != 4 or u0.shape[3] != 2 or feed.shape != u0.shape[:1] or kill.shape != feed.shape:
        raise ValueError(
            f"expected u0 (sample, x, y, 2), feed (sample,) and kill (sample,), "
            f"got {u0.shape}, {feed.shape} and {kill.shape}"
        )
    if not ((feed >= 0).all() and (kill >= 0).all()):
        raise ValueError(
            f"expected F >= 0 and k >= 0 for every sample, got {feed.min()} and {kill.min()} at least"
        )
    intervals, steps = etd.steps_between(times, step)
    with jax.enable_x64(True):
        arrays = (np.moveaxis(u0, 3, 1), feed, kill, np.float64(length), intervals, steps)
        frames = np.asarray(_evolve(*(jnp.asarray(a) for a in arrays)))
    return np.concatenate([u0[:, None], np.moveaxis(frames, 2, 4)], axis=1)


@jax.jit
def _evolve(
    u: Float[Array, "sample 2 x y"], feed, kill, length, intervals, steps
) -> Float[Array, "sample interval 2 x y"]:
    space = u.shape[2:]
    transform = partial(jnp.fft.rfft2, axes=(2, 3))
    decay = jnp.stack([feed, feed + kill], axis=1)[:, :, None, None]
    diffusion = jnp.asarray(DIFFUSION)[None, :, None, None]
    rates = -diffusion * _squared_wave_numbers(*space)[None, None] / length**2 - decay
    source = transform(jnp.zeros_like(u).at[:, 0].set(feed[:, None, None]))

    def react(spectrum):
        a, b = jnp.moveaxis(jnp.fft.irfft2(spectrum, space, axes=(2, 3)), 1, 0)
        converted = transform((a * b * b)[:, None])
        return source + jnp.concatenate([-converted, converted], axis=1)

    def interval(spectrum, duration_and_steps):
        spectrum = etd.advance(spectrum, rates, react, *duration_and_steps)
        return spectrum, jnp.fft.irfft2(spectrum, space, axes=(2, 3))

    _, frames = jax.lax.scan(interval, transform(u), (intervals, steps))
    return jnp.moveaxis(frames, 0, 1)


def _squared_wave_numbers(nx: int, ny: int) -> Float[Array, "kx ky"]:
    """Return |k|² of the modes of rfft2 on a square of side one."""
    kx, ky = 2 * np.pi * np.fft.fftfreq(nx, 1 / nx), 2 * np.pi * np.fft.rfftfreq(ny, 1 / ny)
    return jnp.asarray(kx[:, None] ** 2 + ky[None, :] ** 2)
