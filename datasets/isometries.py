"""The isometries of an interval, a square or a cube, by which isotropic equations give new trajectories from old."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


def turn(
    frames: Float[Array, "batch time *space channel"],
    key: PRNGKeyArray,
    *,
    vector: tuple[int, ...] | None,
    exchange: bool,
) -> Float[Array, "batch time *space channel"]:
    """Move every trajectory by a random isometry of its domain: axes are reflected and, on request, exchanged.

    Args:
        vector: the channel of the component along each axis of a vector field, whose components move with the
            axes; None where all channels are scalars.
        exchange: also exchange axes; they must have the same length and the same number of points.
    """
    batch, _, *space, channels = frames.shape
    for axis in range(len(space)):
        key, drawn = jax.random.split(key)
        mirrored = jnp.flip(frames, 2 + axis)
        if vector is not None:
            signs = jnp.ones(channels, frames.dtype).at[vector[axis]].set(-1.0)
            mirrored = mirrored * signs.reshape((1,) * (frames.ndim - 1) + (-1,))
        frames = _where(jax.random.bernoulli(drawn, 0.5, (batch,)), mirrored, frames)
    for last in range(1, len(space) if exchange else 0):  # Fisher and Yates: every order equally often
        key, drawn = jax.random.split(key)
        chosen = jax.random.randint(drawn, (batch,), 0, last + 1)
        unturned = frames
        for other in range(last):
            frames = _where(chosen == other, _exchanged(unturned, vector, other, last), frames)
    return frames


def translate(
    frames: Float[Array, "batch time *space channel"], key: PRNGKeyArray, *, way: tuple[int, ...]
) -> Float[Array, "batch time *space channel"]:
    """Move every trajectory around a periodic domain by a random multiple of `way`, given in cells along each axis."""
    times = jax.random.randint(key, frames.shape[:1], 0, max(frames.shape[2:-1]))
    axes = tuple(range(1, 1 + len(way)))
    return jax.vmap(lambda one, n: jnp.roll(one, n * jnp.asarray(way), axes))(frames, times)


def _exchanged(frames: Array, vector: tuple[int, ...] | None, first: int, second: int) -> Array:
    """Exchange two axes of space, and the components along them."""
    frames = jnp.swapaxes(frames, 2 + first, 2 + second)
    if vector is None:
        return frames
    order = list(range(frames.shape[-1]))
    order[vector[first]], order[vector[second]] = order[vector[second]], order[vector[first]]
    return frames[..., jnp.asarray(order)]


def _where(chosen: Array, there: Array, here: Array) -> Array:
    return jnp.where(chosen.reshape(-1, *(1,) * (here.ndim - 1)), there, here)
