"""Propagator attention: the parameter-guided spectral branch of our CAPE block.

Each head is the exact propagator over one time step of a linear PDE whose coefficients are linear in the
parameters: it displaces and diffuses the field. Structure, not capacity, is what carries over to parameter
values never seen: whatever a multilayer perceptron may do with p, it does as a table over the trained values.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Complex, Float

from cape.model.embedding import linear
from cape.problem import Problem
from cape.solvers.layers.convolution import mix
from cape.solvers.layers.fourier import counting, irfftn, rfftn
from cape.solvers.layers.layout import lead, trail

# initial logarithms of the heads' diffusion over one step, in squared domain lengths
_WEAKEST, _STRONGEST = -9.0, -0.5  # at p̂, of the heads that diffuse
_HARDLY = -14.0  # of the heads that only move, and of the part that does not depend on p


class Propagator(nnx.Module):
    """Apply J propagators to every channel and mix the results into a first guess of u(t + dt).

    Head j multiplies Fourier mode k (integer wave numbers, one per axis) by

        exp(−2πi k·s_j(p) − |2πk|² d_j(p)),   s_j(p) = S_j0 + Σ_q S_jq p_q/p̂_q,   d_j(p) = e^D_j0 + Σ_q e^D_jq |p_q|/p̂_q

    with displacement s_j [domain lengths] and diffusion d_j ≥ 0 [domain lengths²] over one step, p̂_q the
    largest trained |p_q|. The first guess is u plus a p-independent linear mix of what every head changes in every
    channel, started at the mean of the heads; so it leaves uniform fields alone and keeps the mean of every
    channel. Where frames are normalised by themselves, their means and sizes are among the p_q (`Problem.state`);
    at first they move and diffuse nothing. One smooth function of k: the same map on every grid, at a cost of a few
    numbers a head.

    Axes that are not periodic are mirrored at their ends before the transform.

    Args:
        problem: gives channels, boundaries and the trained range of the parameters.
        heads: number J of propagators.
        reach: the largest initial displacement over one step at p̂, in domain lengths; 0: all heads diffuse.
    """

    def __init__(self, problem: Problem, *, heads: int, reach: float, rngs: nnx.Rngs):
        if heads < 1:
            raise ValueError(f"expected at least one propagator head, got {heads}")
        self.low, self.high, self.boundaries = problem.low, problem.high, problem.boundaries
        parameters, channels = len(problem.parameters), len(problem.channels)
        spread = _directions(rngs, heads, problem.dimension) * reach
        true = slice(1, 1 + parameters - problem.state)  # a field's own mean and size do nothing at first
        displacement = jnp.zeros((heads, 1 + parameters, problem.dimension))
        self.displacement = nnx.Param(displacement.at[:, true].set(spread[:, None]))
        # every other head only moves, if it moves; the rest also diffuse, from weakly to strongly
        diffusion = jnp.full((heads, 1 + parameters), _HARDLY, jnp.float32)
        every = 2 if reach else 1
        ladder = jnp.linspace(_WEAKEST, _STRONGEST, len(range(0, heads, every)))
        diffusion = diffusion.at[::every, true].set(jax.random.permutation(rngs.params(), ladder)[:, None])
        self.log_diffusion = nnx.Param(diffusion)
        mix = jnp.eye(channels)[:, None, :] / heads
        self.mix = nnx.Param(jnp.broadcast_to(mix, (channels, heads, channels)) * 1.0)

    def rates(
        self, p: Float[Array, "batch parameter"]
    ) -> tuple[Float[Array, "batch head axis"], Float[Array, "batch head"]]:
        """Compute displacement [domain lengths] and diffusion [domain lengths²] of every head over one step."""
        scaled = linear(p, self.low, self.high)
        scaled = jnp.concatenate([jnp.ones((p.shape[0], 1), p.dtype), scaled], -1)
        displacement = jnp.einsum("bq,jqa->bja", scaled, self.displacement[...])
        diffusion = jnp.einsum("bq,jq->bj", jnp.abs(scaled), jnp.exp(self.log_diffusion[...]))
        return displacement, diffusion

    def __call__(
        self,
        u: Float[Array, "batch *space channel"],
        rates: tuple[Float[Array, "batch head axis"], Float[Array, "batch head"]],
    ) -> tuple[Float[Array, "batch *space channel"], Float[Array, "batch *space head_channel"]]:
        """Return the first guess of u(t + dt) and the output of every head on every channel."""
        h = lead(u, len(self.boundaries), len(self.mix[...]))
        space, axes = h.shape[2:], tuple(range(2, h.ndim))
        whole = h
        for axis, kind in zip(axes, self.boundaries, strict=True):
            if kind != "periodic":
                whole = jnp.concatenate([whole, jnp.flip(whole, axis)], axis)
        grid = whole.shape[2:]
        mirrored = tuple(n // m for n, m in zip(grid, space, strict=True))
        turned = rfftn(whole, axes)[None] * self._multiplier(grid, mirrored, rates)[:, None]
        heads = irfftn(turned, grid, tuple(1 + axis for axis in axes))  # [head, channel, batch, *grid]
        heads = heads[(slice(None),) * 3 + tuple(slice(n) for n in space)]
        weight = self.mix[...].swapaxes(0, 1).reshape(-1, len(h))
        guess = h + mix((heads - h[None]).reshape(-1, *h.shape[1:]), weight)
        return trail(guess), trail(heads.reshape(-1, *h.shape[1:]))

    def _multiplier(self, grid, mirrored, rates) -> Complex[Array, "head batch *modes"]:
        """Evaluate exp(−2πi k·s − |2πk|² d) on the modes of rfftn over `grid`, the product of a factor per axis.

        A mirrored axis is twice as long as the domain, so its wave numbers count half.
        """
        displacement, diffusion = (rate.swapaxes(0, 1)[..., None] for rate in rates)  # heads lead
        factors = []
        for axis, (n, twice) in enumerate(zip(grid, mirrored, strict=True)):
            k = counting(n // 2 + 1) if axis == len(grid) - 1 else (counting(n) + n // 2) % n - n // 2
            k = jnp.asarray(k, displacement.dtype)[None, None] / twice
            angle = k * (2 * np.pi * displacement[:, :, axis])
            decay = jnp.exp(-(k**2) * ((2 * np.pi) ** 2 * diffusion))
            factor = jax.lax.complex(decay * jnp.cos(angle), -decay * jnp.sin(angle))
            factors.append(
                jnp.expand_dims(factor, [2 + other for other in range(len(grid)) if other != axis])
            )
        return functools.reduce(jnp.multiply, factors)


def _directions(rngs: nnx.Rngs, heads: int, dimension: int) -> Float[Array, "head axis"]:
    """Spread `heads` displacements evenly over [-1, 1] in 1D, over the unit ball in more dimensions."""
    radius = jnp.linspace(-1.0, 1.0, heads) if heads > 1 else jnp.zeros(1)
    if dimension == 1:
        return radius[:, None]
    direction = jax.random.normal(rngs.params(), (heads, dimension))
    return radius[:, None] * direction / jnp.linalg.norm(direction, axis=-1, keepdims=True)
