"""How arrays lie inside a solver: channels lead, [channel, batch, *space].

So a map between channels, and the transform of an axis, is one large matrix product of what lies in memory, forward and
backward, and a shift moves whole rows. Fields are [batch, *space, channel] everywhere else; a solver's layers, and
`modulate(i, h)`, see feature maps.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

Features = Float[Array, "channel batch *space"]


def lead(u: Float[Array, "batch *space channel"], dimension: int, channels: int) -> Features:
    """Take a field into a solver: channels to the front. Raises ValueError for another shape."""
    if u.ndim != dimension + 2 or u.shape[-1] != channels:
        axes = "points, " * dimension
        raise ValueError(f"expected u of shape (batch, {axes}{channels} channels), got {u.shape}")
    return jnp.moveaxis(u, -1, 0)


def trail(h: Features) -> Float[Array, "batch *space channel"]:
    """Give a field out of a solver: channels to the end."""
    return jnp.moveaxis(h, 0, -1)


def check_features(h: Array, dimension: int, channels: int) -> None:
    """Raise ValueError unless h is [`channels`, batch, `dimension` axes]."""
    if h.ndim != dimension + 2 or h.shape[0] != channels:
        axes = ", points" * dimension
        raise ValueError(f"expected features of shape ({channels} channels, batch{axes}), got {h.shape}")


def over_points(vector: Float[Array, "channel"], ndim: int) -> Array:
    """Shape a number per channel so that it acts on feature maps of `ndim` axes."""
    return vector.reshape(-1, *(1,) * (ndim - 1))


def beside(h: Features, channels: Float[Array, "channel *space"]) -> Features:
    """Append channels that are the same in every sample, such as where a point is."""
    channels = channels.astype(h.dtype)[:, None]
    return jnp.concatenate([h, jnp.broadcast_to(channels, (len(channels), *h.shape[1:]))])
