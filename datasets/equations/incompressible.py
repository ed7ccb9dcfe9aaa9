"""Incompressible flow in two dimensions, by its vorticity: Fourier-Galerkin and exponential time steps."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cape.datasets.simulate import etd
from cape.datasets.simulate.initial_fields import RandomField

REACH = 1.0  # highest wave number times |u| + |v| times dt; the scheme is stable up to 2.8
PIECE = 0.5  # the step is chosen anew after this time, in which speeds may at most double


def solve(
    initial: RandomField,
    nu: Float[np.ndarray, " sample"],
    amplitude: Float[np.ndarray, " sample"],
    *,
    resolution: int,
    times: Float[np.ndarray, " time"],
    vorticity: float = 1.0,
    points: int | None = None,
) -> Float[np.ndarray, "sample time x y 1"]:
    """Solve the incompressible Navier-Stokes equations on the unit torus; one channel, the vorticity w.

    ∂ₜw + (u·∇)w = ν ∇²w + f,  ∇·u = 0,  ∇×u = w,  f = a (sin 2π(x + y) + cos 2π(x + y))

    The scheme (see `evolve`) runs on a finer grid that contains every cell's centre.

    Args:
        initial: the vorticity w₀ of every sample.
        nu: viscosity ν of each sample.
        amplitude: a of each sample.
        resolution: cells along each axis; values are given at their centres.
        times: increasing times of the frames; the first one is that of the initial condition.
        vorticity: usual size of w, for `points_for`.
        points: fewest internal points along each axis; None leaves it to `points_for`.

    Returns:
        Point values w[sample, time, x, y, 1], float64.
    """
    factor = -(-(points or points_for(nu, vorticity)) // resolution)
    fine = (0.5 + np.arange(factor * resolution) / factor) / resolution  # past 1: periodic
    phase = 2 * np.pi * (fine[:, None] + fine[None, :])
    forcing = np.asarray(amplitude, np.float64)[:, None, None] * (np.sin(phase) + np.cos(phase))
    frames = evolve(initial(fine, fine)[..., 0], nu, forcing, times)
    return frames[:, :, ::factor, ::factor, None]


def evolve(
    w0: Float[np.ndarray, "sample x y"],
    nu: Float[np.ndarray, " sample"],
    forcing: Float[np.ndarray, "sample x y"],
    times: Float[np.ndarray, " time"],
    *,
    reach: float = REACH,
) -> Float[np.ndarray, "sample time x y"]:
    """Advance the vorticity at equidistant points of the unit torus to each of the times.

    The lower two thirds of the Fourier modes are carried, so that products have no aliasing and advection
    conserves energy and enstrophy of each sample exactly but for the time step; the mean velocity is zero.
    Viscosity is the linear part of ETDRK4, advection and forcing the rest. The step follows the fastest flow
    among the samples.

    Raises:
        ValueError: for shapes that do not fit, times that do not increase, ν that is not positive, or
            vorticity or forcing whose mean is not zero, which no flow on a torus has.
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
        arrays = (w0, nu, forcing, np.float64(reach), intervals, pieces)
        frames = np.asarray(_evolve(*(jnp.asarray(a) for a in arrays)))
    return np.concatenate([w0[:, None], frames], axis=1)


def points_for(nu: Float[np.ndarray, " sample"], vorticity: float = 1.0) -> int:
    """Return how many points per axis resolve the smallest ν, for vorticity w of this usual size.

    Filaments are about √(ν/w) wide; 0.8 points in each, between 64 and 256 in all, let the highest mode
    carried, n/3, advance by 1.7 radians over one. (Where 256 is less than that, it is a bound on the work, and
    what is finer is lost.)
    """
    width = np.sqrt(np.min(nu) / vorticity)
    return int(np.clip(8 * np.ceil(0.1 / width), 64, 256))


@jax.jit
def _evolve(
    w: Float[Array, "sample x y"], nu, forcing, reach, intervals, pieces
) -> Float[Array, "sample interval x y"]:
    space = w.shape[1:]
    kx, ky, carried = _wave_numbers(*space)
    squared = kx**2 + ky**2
    inverse = jnp.where(squared > 0, 1 / jnp.where(squared > 0, squared, 1.0), 0.0)
    rates = -nu[:, None, None] * squared

    def to_modes(field):
        spectrum = jnp.fft.rfft2(field)
        return spectrum * carried.astype(spectrum.dtype)

    def velocity(modes):
        """u = ∂ψ/∂y and v = −∂ψ/∂x with −∇²ψ = w."""
        gradient = jnp.stack([ky * inverse, -kx * inverse], axis=1)
        return jnp.moveaxis(jnp.fft.irfft2(1j * gradient.astype(modes.dtype) * modes[:, None], space), 1, 0)

    source = to_modes(forcing)

    def advect(modes):
        """−∇·(u w) = (∂yy − ∂xx)(u v) + ∂xy(u² − v²) needs no transform of w, two of velocities."""
        u, v = velocity(modes)
        across, along = (kx**2 - ky**2).astype(modes.dtype), (kx * ky).astype(modes.dtype)
        return source + across * to_modes(u * v) - along * to_modes(u * u - v * v)

    def interval(modes, duration_and_pieces):
        duration, pieces = duration_and_pieces
        piece = duration / pieces.astype(duration.dtype)

        def advance(_, modes):
            steps = _steps(velocity(modes), piece, max(space), reach)
            return etd.advance(modes, rates, advect, piece, steps)

        modes = jax.lax.fori_loop(0, pieces, advance, modes)
        return modes, jnp.fft.irfft2(modes, space)

    _, frames = jax.lax.scan(interval, to_modes(w), (intervals, pieces))
    return jnp.moveaxis(frames, 0, 1)


def _steps(velocity, duration: Float[Array, ""], points: int, reach: Float[Array, ""]) -> Int[Array, ""]:
    u, v = velocity
    fastest = jnp.max(jnp.abs(u) + jnp.abs(v))
    wanted = duration * 2 * jnp.pi * (points // 3) * fastest / reach
    return jnp.where(jnp.isfinite(wanted), jnp.clip(jnp.ceil(wanted), 4, 1e6), 1).astype(jnp.int32)


def _wave_numbers(nx: int, ny: int):
    """kx, ky [1, kx, ky] of the modes of rfft2, in radians per unit of length, and which are carried."""
    x, y = np.fft.fftfreq(nx, 1 / nx)[None, :, None], np.fft.rfftfreq(ny, 1 / ny)[None, None, :]
    carried = (3 * np.abs(x) < nx) & (3 * y < ny) & ((x != 0) | (y != 0))
    kx, ky = (2 * np.pi * k * np.ones_like(x * y) for k in (x, y))
    return jnp.asarray(kx), jnp.asarray(ky), jnp.asarray(carried.astype(np.float64))
