"""FitzHugh-Nagumo reaction and diffusion by cosine modes and exponential time steps in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.datasets.equations.fitzhugh_nagumo import LENGTH, STEP
from cape.datasets.schemes import etd


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

    Collocation with the modes cos(π m (i + ½)/n) of the even continuation across the walls. The linear part of ETDRK4
    is diffusion and the linear growth or decay of each variable; the nonlinear part is everything else.

    Args:
        u0: the channels u and v.
        diffusion_u, diffusion_v, k: Du, Dv and k of each sample.
        times: increasing times of the frames; the first one is the time of u0.
        step: longest time step.

    Raises:
        ValueError: shapes do not fit, times do not increase, or a diffusion coefficient is not positive.
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
    growth = jnp.array([1.0, -1.0])[None, :, None, None]  # of u and of v
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
    """Return the matrices from values at n cell centres to cosine coefficients, and back."""
    synthesis = np.cos(np.pi * np.outer(np.arange(n) + 0.5, np.arange(n)) / n)
    analysis = synthesis.T * (np.where(np.arange(n) == 0, 1.0, 2.0) / n)[:, None]
    return jnp.asarray(analysis), jnp.asarray(synthesis)
