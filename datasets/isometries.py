"""Random isometries and translations of trajectories on an interval, a square or a cube.

Values are moved between grid points, never interpolated, so that images are exact.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from cape.datasets.symmetries import Isometry


def random_isometry(
    frames: Float[Array, "batch time *space channel"],
    key: PRNGKeyArray,
    *,
    vector: tuple[int, ...] | None,
    exchange: bool,
) -> Float[Array, "batch time *space channel"]:
    """Apply to every trajectory a random isometry of its domain: reflections and, if asked for, exchanges of axes.

    Args:
        vector: the channel of the component along each axis of a vector field, whose components change with the
            axes; None if all channels are scalars.
        exchange: also exchange axes, which must have the same length and number of points.
    """
    batch, _, *space, channels = frames.shape
    for axis in range(len(space)):
        key, drawn = jax.random.split(key)
        reflected = jnp.flip(frames, 2 + axis)
        if vector is not None:
            signs = jnp.ones(channels, frames.dtype).at[vector[axis]].set(-1.0)
            reflected = reflected * signs.reshape((1,) * (frames.ndim - 1) + (-1,))
        frames = _where(one_in_two(drawn, batch), reflected, frames)
    for last in range(
        1, len(space) if exchange else 0
    ):  # the Fisher-Yates shuffle: all orders are equally likely
        key, drawn = jax.random.split(key)
        chosen = jax.random.randint(drawn, (batch,), 0, last + 1, jnp.int32)
        before = frames
        for other in range(last):
            frames = _where(chosen == other, _exchange(before, vector, other, last), frames)
    return frames


def random_translation(
    frames: Float[Array, "batch time *space channel"], key: PRNGKeyArray, *, step: tuple[int, ...]
) -> Float[Array, "batch time *space channel"]:
    """Translate every trajectory on its periodic domain by a random multiple of `step`, in cells along each axis."""
    multiples = jax.random.randint(key, frames.shape[:1], 0, max(frames.shape[2:-1]), jnp.int32)
    axes = tuple(range(1, 1 + len(step)))
    return jax.vmap(lambda one, n: jnp.roll(one, n * jnp.asarray(step, jnp.int32), axes))(frames, multiples)


def one_in_two(key: PRNGKeyArray, count: int) -> Bool[Array, " count"]:
    """Draw true with probability one half. The draws are the same in JAX's 64-bit mode."""
    return jax.random.bernoulli(key, jnp.float32(0.5), (count,))


def apply_to_half(
    isometry: Isometry, frames: Float[Array, "batch time *space channel"], key: PRNGKeyArray
) -> Float[Array, "batch time *space channel"]:
    """Replace each trajectory, with probability one half, by its image. Values are at the cell centres.

    Raises:
        ValueError: the shift of the isometry is not a whole number of cells.
    """
    space = tuple(range(2, frames.ndim - 1))
    cells = frames.shape[2] * isometry.shift
    if cells % 1:
        raise ValueError(
            f"augmentation.isometries: expected a number of points divisible by {round(1 / isometry.shift)}, got "
            f"{frames.shape[2]}"
        )
    image = jnp.swapaxes(frames, 2, 3) if isometry.exchange else frames
    image = jnp.flip(image, space) if isometry.reverse else image
    shift = int(cells) if isometry.reverse else -int(cells)
    image = isometry.sign * jnp.roll(image, (shift,) * len(space), space)
    return _where(one_in_two(key, frames.shape[0]), image, frames)


def _exchange(frames: Array, vector: tuple[int, ...] | None, first: int, second: int) -> Array:
    """Exchange two axes of space, and the components of the vector field along them."""
    frames = jnp.swapaxes(frames, 2 + first, 2 + second)
    if vector is None:
        return frames
    order = list(range(frames.shape[-1]))
    order[vector[first]], order[vector[second]] = order[vector[second]], order[vector[first]]
    return frames[..., jnp.asarray(order)]


def _where(chosen: Array, images: Array, frames: Array) -> Array:
    """Return the images of the chosen trajectories, and the other trajectories as they are."""
    return jnp.where(chosen.reshape(-1, *(1,) * (frames.ndim - 1)), images, frames)
