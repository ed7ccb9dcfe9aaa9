"""FitzHugh-Nagumo diffusion-reaction between walls: cosine modes and exponential time steps in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.datasets.simulate import etd
from cape.datasets.simulate.initial_conditions import cell_centres
from cape.datasets.simulate.initial_fields import Patches

LENGTH = 2.0  # side of the square [−1, 1]²
POINTS = 128  # fewest internal points per axis: fronts are about 0.1 wide
STEP = 0.2  # longest time step; its error is below 1e-3, that of jumps on the internal grid


def solve(
    initial: Patches,
    diffusion_u: Float[np.ndarray, " sample"],
    diffusion_v: Float[np.ndarray, " sample"],
    k: Float[np.ndarray, " sample"],
    *,
    resolution: int,
    times: Float[np.ndarray, " time"],
    points: int = POINTS,
    step: float = STEP,
) -> Float[np.ndarray, "sample time x y 2"]:
    """Solve FitzHugh-Nagumo on [−1, 1]² without flux through the walls; channels u and v.

    ∂ₜu = Du ∇²u + u − u³ − k − v,  ∂ₜv = Dv ∇²v + u − v,  ∂ₙu = ∂ₙv = 0

    The scheme (see `evolve`) runs on a finer grid that contains every cell's centre. It starts from averages
    over its cells, so that the area of a patch does not depend on the grid; the first frame has point values.

    Args:
        initial: the functions u₀ and v₀, both channels of every sample.
        diffusion_u: Du of each sample.
        diffusion_v: Dv of each sample.
        k: the reaction's constant of each sample.
        resolution: cells along each axis; values are given at their centres.
        times: increasing times of the frames; the first one is that of the initial condition.
        points: fewest internal points along each axis.
        step: longest time step.

    Returns:
        Point values u[sample, time, x, y, channel], float64.
    """
    factor = -(-points // resolution)
    factor += 1 - factor % 2  # odd: the centre of the middle cell is that of the whole
    fine, coarse = (LENGTH * cell_centres(n) - 1 for n in (factor * resolution, resolution))
    averages = initial(fine, fine, width=LENGTH / len(fine))
    frames = evolve(averages, diffusion_u, diffusion_v, k, times, step=step)
    frames = np.ascontiguousarray(frames[:, :, factor // 2 :: factor, factor // 2 :: factor])
    frames[:, 0] = initial(coarse, coarse)
    return frames


def evolve(
    u0: Float[np.ndarray, "sample x y 2"],
    diffusion_u: Float[np.ndarray, " sample"],
    diffusion_v: Float[np.ndarray, " sample"],
    k: Float[np.ndarray, " sample"],
    times: Float[np.ndarray, " time"],
    *,
    step: float = STEP,
) -> Float[np.ndarray, "sample time x y 2"]:
    """Advance values at the cell centres of [−1, 1]² to each of the times.

    Collocation in cos(π m (i + ½)/n), the modes of the even continuation across the walls; diffusion and what
    a variable does to itself linearly are the linear part of ETDRK4, all else the rest.

    Raises:
        ValueError: for shapes that do not fit, times that do not increase, or a diffusion coefficient that is
            not positive.
    """
    u0, diffusion_u, diffusion_v, k, times = (
        np.asarray(a, np.float64) for a in (u0, diffusion_u, diffusion_v, k, times)
    )
    shapes = [a.shape for a in (diffusion_u, diffusion_v, k)]
    if u0.ndim != 4 or u0.shape[3] != 2 or shapes != [u0.shape[:1]] * 3:
        raise ValueError(
            f"expected u0 (sample, x, y, 2) and diffusion_u, diffusion_v, k (sample,), got {u0.shape} and {shapes}"
        )
    diffusion = np.stack([diffusion_u, diffusion_v], axis=1)
    if not (diffusion > 0).all():
        raise ValueError(f"expected Du > 0 and Dv > 0 for every sample, got {diffusion.min()} at least")
    intervals, steps = etd.steps_between(times, step)
    with jax.enable_x64(True):
        arrays = (np.moveaxis(u0, 3, 1), diffusion, k, intervals, steps)
        frames = np.asarray(_evolve(*(jnp.asarray(a) for a in arrays)))
    return np.concatenate([u0[:, None], np.moveaxis(frames, 2, 4)], axis=1)


@jax.jit
def _evolve(
    u: Float[Array, "sample 2 x y"], diffusion, k, intervals, steps
) -> Float[Array, "sample interval 2 x y"]:
    (analysis_x, synthesis_x), (analysis_y, synthesis_y) = (_cosines(n) for n in u.shape[2:])
    forward = partial(_along_both, analysis_x, analysis_y)
    backward = partial(_along_both, synthesis_x, synthesis_y)
    kx, ky = (np.pi * np.arange(n) / LENGTH for n in u.shape[2:])
    laplacian = -jnp.asarray(kx[:, None] ** 2 + ky[None, :] ** 2)
    growth = jnp.array([1.0, -1.0])[None, :, None, None]  # of u and of v by themselves
    rates = diffusion[:, :, None, None] * laplacian[None, None] + growth

    def react(modes):
        u, v = modes[:, :1], modes[:, 1:]
        cubic = forward(backward(u) ** 3 + k[:, None, None, None])
        return jnp.concatenate([-cubic - v, u], axis=1)

    def interval(modes, duration_and_steps):
        modes = etd.advance(modes, rates, react, *duration_and_steps)
        return modes, backward(modes)

    _, frames = jax.lax.scan(interval, forward(u), (intervals, steps))
    return jnp.moveaxis(frames, 0, 1)


def _along_both(
    along_x: Float[Array, "m i"], along_y: Float[Array, "n j"], a: Float[Array, "sample channel i j"]
) -> Float[Array, "sample channel m n"]:
    return jnp.einsum("mi,scij,nj->scmn", along_x, a, along_y)


def _cosines(n: int) -> tuple[Float[Array, "mode point"], Float[Array, "point mode"]]:
    """Matrices from values at n cell centres to cosine coefficients, and back."""
    synthesis = np.cos(np.pi * np.outer(np.arange(n) + 0.5, np.arange(n)) / n)
    analysis = synthesis.T * (np.where(np.arange(n) == 0, 1.0, 2.0) / n)[:, None]
    return jnp.asarray(analysis), jnp.asarray(synthesis)
