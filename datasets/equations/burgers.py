"""Viscous Burgers equation by a conservative finite-volume scheme in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cape.datasets.simulate.initial_conditions import InitialConditions, cell_averages, cell_centres

COURANT = 0.5  # max|u| dt/dx; the limited reconstruction keeps its bounds up to 1/2


def solve(
    initial: InitialConditions,
    nu: Float[np.ndarray, " sample"],
    *,
    resolution: int,
    times: Float[np.ndarray, " time"],
    refinement: int | None = None,
    courant: float = COURANT,
    dtype: type = np.float64,
) -> Float[np.ndarray, "sample time x"]:
    """Solve ∂ₜu + ∂ₓ(u²/2) = (ν/π) ∂ₓₓu on the periodic [0, 1); see `evolve` for the scheme.

    The scheme runs on a grid `refinement` times finer, and the value at each cell's centre is given.

    Args:
        initial: the functions u₀, one per sample.
        nu: ν of each sample, as benchmark files write it (the diffusion coefficient is ν/π), dimensionless.
        resolution: number of cells asked for.
        times: increasing times of the frames; the first one is that of the initial condition.
        refinement: odd number of internal cells per cell; None leaves it to `refinement_for`.
        courant, dtype: see `evolve`.

    Returns:
        Point values u[sample, time, x].
    """
    factor = refinement_for(resolution, nu) if refinement is None else _odd(refinement)
    fine = evolve(cell_averages(initial, factor * resolution), nu, times, courant=courant, dtype=dtype)
    u = _centre_values(fine, factor)
    u[:, 0] = initial(cell_centres(resolution))
    return u


def solve_from(
    u0: Float[np.ndarray, "sample x"],
    nu: Float[np.ndarray, " sample"],
    times: Float[np.ndarray, " time"],
    *,
    refinement: int | None = None,
) -> Float[np.ndarray, "sample time x"]:
    """Solve Burgers' equation from values u0 on an equidistant periodic grid, such as a file's frame.

    The values are interpolated by their Fourier series onto the internal grid: exact where the grid
    resolves u0; a jump rings at first, until viscosity (or the shock it turns into) removes the ringing.

    Returns:
        u[sample, time, x] on the points of u0, float64; its first frame is u0.
    """
    u0 = np.asarray(u0, np.float64)
    if u0.ndim != 2 or u0.shape[1] < 4:
        raise ValueError(
            f"expected initial values u0 of shape (sample, x) with at least 4 points, got {u0.shape}"
        )
    if not np.isfinite(u0).all():
        raise ValueError("the initial values u0 contain NaN or infinite entries; drop those samples first")
    factor = refinement_for(u0.shape[1], nu) if refinement is None else _odd(refinement)
    u = _centre_values(evolve(_interpolated_averages(u0, factor), nu, times), factor)
    u[:, 0] = u0
    return u


def evolve(
    averages: Float[np.ndarray, "sample x"],
    nu: Float[np.ndarray, " sample"],
    times: Float[np.ndarray, " time"],
    *,
    courant: float = COURANT,
    dtype: type = np.float64,
) -> Float[np.ndarray, "sample time x"]:
    """Advance cell averages on [0, 1) to each of the times, conserving ∑u to rounding.

    Strang splitting: half a step of diffusion, exact in Fourier space (so a large ν costs nothing extra), a
    step of convection, half a step of diffusion. Convection is a third-order limited reconstruction (Koren
    1993) with the exact Riemann solution at the faces (Godunov) and three-stage Runge-Kutta (Shu & Osher
    1988, eq. 2.18); it is of second order overall and lets no new extremum arise. The step is chosen for
    each interval between frames from the largest |u| among the samples, which never grows.

    Args:
        averages: u₀, averaged over each cell.
        nu: ν of each sample.
        times: increasing times of the frames; the first one is that of u₀.
        courant: max|u| dt/dx; stable up to about 1, but above 1/2 extrema may grow a little.
        dtype: precision of the arithmetic, np.float64 or np.float32.

    Raises:
        ValueError: for shapes that do not fit, times that do not increase, or ν that is not positive.
    """
    averages, nu, times = (np.asarray(a, np.float64) for a in (averages, nu, times))
    if averages.ndim != 2 or nu.shape != averages.shape[:1]:
        raise ValueError(
            f"expected averages (sample, x) and nu (sample,), got {averages.shape} and {nu.shape}"
        )
    if not (nu > 0).all():
        raise ValueError(f"expected a positive viscosity Nu for every sample, got {nu.min()}")
    if times.ndim != 1 or not (np.diff(times) > 0).all():
        raise ValueError("expected times (time,) that increase from frame to frame")
    arrays = [a.astype(dtype) for a in (averages, nu / np.pi, np.diff(times))]
    with jax.enable_x64(arrays[0].dtype == np.float64):
        frames = _evolve(*(jnp.asarray(a) for a in arrays), courant=courant)
        return np.concatenate([arrays[0][:, None], np.asarray(frames)], axis=1)


def refinement_for(resolution: int, nu: Float[np.ndarray, " sample"]) -> int:
    """Return the odd number of internal cells per cell that resolves the fronts of the smallest ν.

    A front between states that differ by Δu is about 4(ν/π)/Δu wide; two internal cells in each ν/π keep the
    relative error near 10⁻⁴, within 384 to about 1024 cells in all and at least three per cell. (Below
    ν = 0.006 that is a bound on the work: at 0.002 the error can reach 10⁻² while fronts are sharpest.)
    """
    cells = np.clip(2 * np.pi / np.min(nu), 384, 1024)
    factor = max(3, int(np.ceil(cells / resolution)))
    return factor + 1 - factor % 2


@partial(jax.jit, static_argnames="courant")
def _evolve(
    u: Float[Array, "sample x"],
    diffusion: Float[Array, " sample"],
    intervals: Float[Array, " interval"],
    *,
    courant: float,
) -> Float[Array, "sample interval x"]:
    cells = u.shape[-1]
    dx = 1.0 / cells
    k = 2 * jnp.pi * jnp.arange(cells // 2 + 1, dtype=u.dtype)
    rates = -diffusion[:, None] * (k**2)[None, :]

    def interval(u, duration):
        steps = _steps(jnp.max(jnp.abs(u)), duration, courant * dx)
        dt = duration / steps.astype(u.dtype)
        half, full = jnp.exp(0.5 * dt * rates), jnp.exp(dt * rates)
        u = _diffuse(
            u, half
        )  # the closing half of one step and the opening half of the next are one full step
        u = jax.lax.fori_loop(0, steps - 1, lambda _, u: _diffuse(_convect(u, dt, dx), full), u)
        u = _diffuse(_convect(u, dt, dx), half)
        return u, u

    _, frames = jax.lax.scan(interval, u, intervals)
    return jnp.moveaxis(frames, 0, 1)


def _steps(largest: Float[Array, ""], duration: Float[Array, ""], reach: float) -> Int[Array, ""]:
    """Number of steps in which the fastest signal goes no further than `reach` at a time."""
    return jnp.maximum(jnp.ceil(duration * largest / reach), 4.0).astype(jnp.int32)


def _diffuse(u: Float[Array, "sample x"], decay: Float[Array, "sample k"]) -> Float[Array, "sample x"]:
    spectrum = jnp.fft.rfft(u)
    return jnp.fft.irfft(spectrum * decay.astype(spectrum.dtype), u.shape[-1])


def _convect(u: Float[Array, "sample x"], dt: Float[Array, ""], dx: float) -> Float[Array, "sample x"]:
    first = u + dt * _tendency(u, dx)
    second = 0.75 * u + 0.25 * (first + dt * _tendency(first, dx))
    return (u + 2.0 * (second + dt * _tendency(second, dx))) / 3.0


def _tendency(u: Float[Array, "sample x"], dx: float) -> Float[Array, "sample x"]:
    """Return −∂ₓ(u²/2) of cell averages; fluxes are those through each cell's right face."""
    backward = u - jnp.roll(u, 1, axis=-1)
    forward = jnp.roll(backward, -1, axis=-1)
    left = u + _limited(backward, forward)
    right = jnp.roll(u - _limited(forward, backward), -1, axis=-1)
    flux = 0.5 * jnp.maximum(jnp.maximum(left, 0.0), -jnp.minimum(right, 0.0)) ** 2
    return (jnp.roll(flux, 1, axis=-1) - flux) / dx


def _limited(
    upwind: Float[Array, "sample x"], downwind: Float[Array, "sample x"]
) -> Float[Array, "sample x"]:
    """Koren's limited step from a cell's average to its face: third order where smooth, zero at extrema."""
    size = jnp.minimum(
        jnp.minimum(jnp.abs(upwind), jnp.abs(downwind)), jnp.abs(upwind + 2.0 * downwind) / 6.0
    )
    return jnp.where(upwind * downwind > 0, jnp.sign(downwind) * size, 0.0)


def _centre_values(
    fine: Float[np.ndarray, "sample time fine"], factor: int
) -> Float[np.ndarray, "sample time x"]:
    """Value at the centre of every `factor` cells: average − dx² u″/24, kept between its neighbours."""
    centre, left, right = (np.roll(fine, shift, -1)[..., factor // 2 :: factor] for shift in (0, 1, -1))
    value = centre - (left - 2 * centre + right) / 24
    lowest, highest = (f.reduce([left, centre, right]) for f in (np.minimum, np.maximum))
    return np.clip(value, lowest, highest)


@partial(np.vectorize, excluded=(1,), signature="(x)->(y)")
def _interpolated_averages(u0, factor):
    """Averages over finer cells of the Fourier interpolant of values at the centres of coarser ones."""
    points = len(u0)
    k = np.arange(points // 2 + 1)
    spectrum = np.fft.rfft(u0) * np.sinc(k / (factor * points))
    if points % 2 == 0:
        spectrum[-1] /= 2  # the highest mode stands for both signs of k
    return np.roll(np.fft.irfft(spectrum, factor * points) * factor, factor // 2)


def _odd(refinement: int) -> int:
    if refinement < 1 or refinement % 2 == 0:
        raise ValueError(f"expected an odd refinement (a cell's centre is one), got {refinement}")
    return refinement
