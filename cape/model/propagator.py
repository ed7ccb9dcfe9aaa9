"""Propagator heads: exact propagators of linear PDEs whose coefficients are linear in the PDE parameters.

Each head displaces and diffuses the field over one time step. Its dependence on the parameters is fixed by this
structure, so it holds at values that were never trained on. A perceptron has no such structure between the trained
values.
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
from cape.solvers.layers.divided_space import whole_grid
from cape.solvers.layers.fourier import integer_wave_numbers, irfftn, rfftn
from cape.solvers.layers.layout import channels_first, channels_last

# initial logarithms of the heads' diffusion over one step, in squared domain lengths
_WEAKEST, _STRONGEST = -9.0, -0.5  # at p̂, for the heads that diffuse
_NEGLIGIBLE = -14.0  # for the heads that only move, and for the part that does not depend on p


class Propagator(nnx.Module):
    """Apply J propagators to every channel and mix the results into a first guess of u(t + dt).

    Head j multiplies Fourier mode k (integer wave numbers, one per axis) by

        exp(−2πi k·s_j(p) − |2πk|² d_j(p)),   s_j(p) = S_j0 + Σ_q S_jq p_q/p̂_q,   d_j(p) = e^D_j0 + Σ_q e^D_jq |p_q|/p̂_q

    with displacement s_j [domain lengths] and diffusion d_j ≥ 0 [domain lengths²] over one step, and p̂_q the largest
    trained |p_q|. The first guess is u plus a linear mix, independent of p, of the changes that all heads make in all
    channels; the mix starts at the mean of the heads. So the first guess leaves uniform fields unchanged and conserves
    the mean of every channel. Statistics of the frame among the p_q (`Problem.frame_statistics`) have no effect at
    first. The multiplier is a smooth function of k, so the map is the same on every grid.

    Axes that are not periodic are mirrored at their ends before the transform.

    Args:
        problem: gives channels, boundaries and the trained range of the parameters.
        heads: number J of propagators.
        max_displacement: largest initial displacement over one step at p̂ of each PDE parameter, in domain lengths;
            0: all heads diffuse.

    Raises:
        ValueError: fewer than one head.
    """

    def __init__(self, problem: Problem, *, heads: int, max_displacement: float, rngs: nnx.Rngs):
        if heads < 1:
            raise ValueError(f"expected at least one propagator head, got {heads}")
        (self.low, self.high), self.boundaries = problem.scale, problem.boundaries
        parameters, channels = len(problem.parameters), len(problem.channels)
        spread = _directions(rngs, heads, problem.dimension) * max_displacement
        pde = slice(1, 1 + parameters - problem.frame_statistics)  # column 0 is the part independent of p
        displacement = jnp.zeros((heads, 1 + parameters, problem.dimension), jnp.float32)
        self.displacement = nnx.Param(displacement.at[:, pde].set(spread[:, None]))
        # If heads move, every other one only moves. The others also diffuse, from weakly to strongly.
        diffusion = jnp.full((heads, 1 + parameters), _NEGLIGIBLE, jnp.float32)
        every = 2 if max_displacement else 1
        ladder = jnp.linspace(_WEAKEST, _STRONGEST, len(range(0, heads, every)), dtype=jnp.float32)
        diffusion = diffusion.at[::every, pde].set(jax.random.permutation(rngs.params(), ladder)[:, None])
        self.log_diffusion = nnx.Param(diffusion)
        weight = jnp.eye(channels, dtype=jnp.float32)[:, None, :] / heads
        self.mix = nnx.Param(jnp.broadcast_to(weight, (channels, heads, channels)) * 1.0)

    @jax.default_matmul_precision("highest")
    def rates(
        self, p: Float[Array, "batch parameter"]
    ) -> tuple[Float[Array, "batch head axis"], Float[Array, "batch head"]]:
        """Compute displacement [domain lengths] and diffusion [domain lengths²] of every head over one step."""
        scaled = linear(p, self.low, self.high)
        scaled = jnp.concatenate([jnp.ones((p.shape[0], 1), p.dtype), scaled], -1)
        displacement = jnp.einsum("bq,jqa->bja", scaled, self.displacement[...])
        diffusion = jnp.einsum("bq,jq->bj", jnp.abs(scaled), jnp.exp(self.log_diffusion[...]))
        return displacement, diffusion

    @jax.default_matmul_precision("highest")
    def __call__(
        self,
        u: Float[Array, "batch *space channel"],
        rates: tuple[Float[Array, "batch head axis"], Float[Array, "batch head"]],
    ) -> tuple[Float[Array, "batch *space channel"], Float[Array, "batch *space head_channel"]]:
        """Return the first guess of u(t + dt) and the output of every head on every channel."""
        h = channels_first(u, len(self.boundaries), len(self.mix[...]))
        axes = tuple(range(2, h.ndim))
        mirrored = tuple(boundary != "periodic" for boundary in self.boundaries)
        grid = tuple(n * (1 + twice) for n, twice in zip(whole_grid(h.shape[2:]), mirrored, strict=True))
        propagated = rfftn(h, axes, mirrored)[None] * self._multiplier(grid, mirrored, rates)[:, None]
        heads = irfftn(
            propagated, grid, tuple(1 + axis for axis in axes), mirrored
        )  # [head, channel, batch, *space]
        weight = self.mix[...].swapaxes(0, 1).reshape(-1, len(h))
        first_guess = h + mix((heads - h[None]).reshape(-1, *h.shape[1:]), weight)
        return channels_last(first_guess), channels_last(heads.reshape(-1, *h.shape[1:]))

    def _multiplier(self, grid, mirrored, rates) -> Complex[Array, "head batch *modes"]:
        """Evaluate exp(−2πi k·s − |2πk|² d) on the modes of rfftn over `grid`, as a product of one factor per axis.

        A mirrored axis is twice as long as the domain, so its wave numbers are halved.
        """
        displacement, diffusion = (rate.swapaxes(0, 1)[..., None] for rate in rates)  # heads lead
        factors = []
        for axis, (k, twice) in enumerate(zip(integer_wave_numbers(grid), mirrored, strict=True)):
            k = jnp.asarray(k, displacement.dtype)[None, None] / (1 + twice)
            angle = k * (2 * np.pi * displacement[:, :, axis])
            decay = jnp.exp(-(k**2) * ((2 * np.pi) ** 2 * diffusion))
            factor = jax.lax.complex(decay * jnp.cos(angle), -decay * jnp.sin(angle))
            factors.append(
                jnp.expand_dims(factor, [2 + other for other in range(len(grid)) if other != axis])
            )
        return functools.reduce(jnp.multiply, factors)


def _directions(rngs: nnx.Rngs, heads: int, dimension: int) -> Float[Array, "head axis"]:
    """Spread `heads` displacements over [-1, 1] in 1D, and over the unit ball in higher dimensions."""
    radius = jnp.linspace(-1.0, 1.0, heads, dtype=jnp.float32) if heads > 1 else jnp.zeros(1, jnp.float32)
    if dimension == 1:
        return radius[:, None]
    direction = jax.random.normal(rngs.params(), (heads, dimension), jnp.float32)
    return radius[:, None] * direction / jnp.linalg.norm(direction, axis=-1, keepdims=True)
