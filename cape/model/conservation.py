"""Conservation: a step that keeps the mean over space of some channels."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from cape.solvers.layers.divided_space import mean_over_space


def conserve(
    u: Float[Array, "batch *space channel"],
    following: Float[Array, "batch *space channel"],
    conserved: tuple[bool, ...],
) -> Float[Array, "batch *space channel"]:
    """Shift the conserved channels of the following frame so that their means over space are those of u."""
    if not any(conserved):
        return following
    change = mean_over_space((following - u).mean(tuple(range(1, u.ndim - 1)), keepdims=True))
    return following - jnp.asarray(conserved, u.dtype).reshape((1,) * (u.ndim - 1) + (-1,)) * change
