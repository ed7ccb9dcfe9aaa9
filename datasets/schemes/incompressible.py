"""Incompressible flow in two dimensions, by its vorticity: Fourier-Galerkin and exponential time steps in float64."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cape.datasets.schemes import etd

MAX_DISPLACEMENT = 1.0  # (|u| + |v|) dt times the highest wave number; the scheme is stable up to 2.8
PIECE = 0.5  # the step is chosen anew after this time, in which speeds may at most double


def evolve(
    w0: Float[np.ndarray, "sample x y"],
    nu: Float[np.ndarray, " sample"],
    forcing: Float[np.ndarray, "sample x y"],
    times: Float[np.ndarray, " time"],
    *,
    max_displacement: float = MAX_DISPLACEMENT,
) -> Float[np.ndarray, "sample time x y"]:
    """Advance the vorticity at equidistant points of the unit torus to each of the times.

    The lower two thirds of the Fourier modes are retained, so that products have no aliasing. Advection then conserves
    the energy and enstrophy of each sample exactly, but for the error of the time steps. The mean velocity is zero.
    The linear part of ETDRK4 is viscosity; the nonlinear part is advection and forcing. The step is chosen from the
    fastest flow among the samples.

    Args:
        w0: vorticity.
        nu: viscosity ν of each sample.
        forcing: the forcing of the vorticity, constant in time.
        times: increasing times of the frames; the first one is the time of w0.
        max_displacement: (|u| + |v|) dt times the highest retained wave number, at most.

    Raises:
        ValueError: shapes do not fit, times do not increase, ν is not positive, or the mean of vorticity or forcing is
            not zero (no flow on a torus has another mean).
    """
    w0, nu, forcing, times = (np.asarray(a, np.float64) for a in (w0, nu, forcing, times))
    if w0.ndim != 3 or nu.shape != w0.shape[:1] or forcing.shape != w0.shape:
        raise ValueError(
            f"expected w0 (sample, x, y), nu (sample,) and forcing as w0, got {w0.shape}, {nu.shape} and "
            f"{forcing.shape}"
        )
    if not (nu > 0).all():
        raise ValueError(f"expected a positive viscosity nu for every sample, got {nu.min()}")
    for name, field in (("vorticity w0", w0), ("forcing", forcing)):
        mean, largest = np.abs(field.mean(axis=(1, 2))).max(), np.abs(field).max()
        if not mean <= 1e-6 * largest:
            raise ValueError(f"expected {name} of mean zero for every sample, got {mean:g}; subtract it")
    intervals, pieces = etd.steps_between(times, PIECE)
    with jax.enable_x64(True):
        arrays = (w0, nu, forcing, np.float64(max_displacement), intervals, pieces)
        frames = np.asarray(_evolve(*(jnp.asarray(a) for a in arrays)))
    return np.concatenate([w0[:, None], frames], axis=1)


@jax.jit
def _evolve(
    w: Float[Array, "sample x y"], nu, forcing, max_displacement, intervals, pieces
) -> Float[Array, "sample interval x y"]:
    space = w.shape[1:]
    kx, ky, retained = _wave_numbers(*space)
    squared = kx**2 + ky**2
    inverse = jnp.where(squared > 0, 1 / jnp.where(squared > 0, squared, 1.0), 0.0)
    rates = -nu[:, None, None] * squared

    def to_modes(field):
        spectrum = jnp.fft.rfft2(field)
        return spectrum * retained.astype(spectrum.dtype)

    def velocity(modes):
        """Return u = ∂ψ/∂y and v = −∂ψ/∂x with −∇²ψ = w."""
        gradient = jnp.stack([ky * inverse, -kx * inverse], axis=1)
        return jnp.moveaxis(jnp.fft.irfft2(1j * gradient.astype(modes.dtype) * modes[:, None], space), 1, 0)

    source = to_modes(forcing)

    def advect(modes):
        """Return the forcing minus ∇·(u w); −∇·(u w) = (∂yy − ∂xx)(u v) + ∂xy(u² − v²) saves the transform of w."""
        u, v = velocity(modes)
        across, along = (kx**2 - ky**2).astype(modes.dtype), (kx * ky).astype(modes.dtype)
        return source + across * to_modes(u * v) - along * to_modes(u * u - v * v)

    def interval(modes, duration_and_pieces):
        duration, pieces = duration_and_pieces
        piece = duration / pieces.astype(duration.dtype)

        def advance(_, modes):
            steps = _steps(velocity(modes), piece, max(space), max_displacement)
            return etd.advance(modes, rates, advect, piece, steps)

        modes = jax.lax.fori_loop(0, pieces, advance, modes)
        return modes, jnp.fft.irfft2(modes, space)

    _, frames = jax.lax.scan(interval, to_modes(w), (intervals, pieces))
    return jnp.moveaxis(frames, 0, 1)


def _steps(
    velocity, duration: Float[Array, ""], points: int, max_displacement: Float[Array, ""]
) -> Int[Array, ""]:
    u, v = velocity
    fastest = jnp.max(jnp.abs(u) + jnp.abs(v))
    wanted = duration * 2 * jnp.pi * (points // 3) * fastest / max_displacement
    return jnp.where(jnp.isfinite(wanted), jnp.clip(jnp.ceil(wanted), 4, 1e6), 1).astype(jnp.int32)


def _wave_numbers(nx: int, ny: int):
    """Return kx and ky [1, kx, ky] of the modes of rfft2, in radians per unit of length, and which are retained."""
    x, y = np.fft.fftfreq(nx, 1 / nx)[None, :, None], np.fft.rfftfreq(ny, 1 / ny)[None, None, :]
    retained = (3 * np.abs(x) < nx) & (3 * y < ny) & ((x != 0) | (y != 0))
    kx, ky = (2 * np.pi * k * np.ones_like(x * y) for k in (x, y))
    return jnp.asarray(kx), jnp.asarray(ky), jnp.asarray(retained.astype(np.float64))
