"""The isometries of an interval, a square or a cube, by which isotropic equations give new trajectories from old."""

from __future__ import annotations

from typing import NamedTuple

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


class Move(NamedTuple):
    """The image v(x) = sign · u(Ax + shift) of a scalar on a periodic square or cube whose axes are alike.

    Attributes:
        exchange, reverse: A exchanges the first two axes, and is −1 along every axis.
        sign: ±1.
        shift: along every axis, in domain lengths.
    """

    exchange: bool = False
    reverse: bool = False
    sign: int = 1
    shift: float = 0.0


def moved(
    frames: Float[Array, "batch time *space channel"], key: PRNGKeyArray, move: Move
) -> Float[Array, "batch time *space channel"]:
    """Move half of the trajectories, given at the cells' centres.

    Raises:
        ValueError: the shift is no whole number of cells.
    """
    space = tuple(range(2, frames.ndim - 1))
    cells = frames.shape[2] * move.shift
    if cells % 1:
        raise ValueError(
            f"augmentation.isometries: expected a number of points that is divisible by {round(1 / move.shift)}, got "
            f"{frames.shape[2]}"
        )
    image = jnp.swapaxes(frames, 2, 3) if move.exchange else frames
    image = jnp.flip(image, space) if move.reverse else image
    image = move.sign * jnp.roll(image, (int(cells) if move.reverse else -int(cells),) * len(space), space)
    return _where(jax.random.bernoulli(key, 0.5, frames.shape[:1]), image, frames)


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
