"""The layout of arrays inside a solver: channels first, [channel, batch, *space].

Fields are [batch, *space, channel] everywhere else. A solver's layers and `modulate(i, h)` see feature maps with the
channels first. A map between channels and the transform of an axis are then one large matrix product of contiguous
memory, forward and backward, and a shift moves whole rows.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

Features = Float[Array, "channel batch *space"]


def channels_first(u: Float[Array, "batch *space channel"], dimension: int, channels: int) -> Features:
    """Move the channels of a field to the front, where the layers of a solver expect them.

    Raises:
        ValueError: u is not [batch, `dimension` axes, `channels`].
    """
    if u.ndim != dimension + 2 or u.shape[-1] != channels:
        axes = "points, " * dimension
        raise ValueError(f"expected u of shape (batch, {axes}{channels} channels), got {u.shape}")
    return jnp.moveaxis(u, -1, 0)


def channels_last(h: Features) -> Float[Array, "batch *space channel"]:
    """Move the channels of a feature map to the end, where fields have them."""
    return jnp.moveaxis(h, 0, -1)


def append_channels(
    h: Features, channels: Float[Array, "more *space"]
) -> Float[Array, "channel_and_more batch *space"]:
    """Append channels that are the same in every sample, such as coordinates."""
    channels = channels.astype(h.dtype)[:, None]
    return jnp.concatenate([h, jnp.broadcast_to(channels, (len(channels), *h.shape[1:]))])


def over_points(vector: Float[Array, " channel"], ndim: int) -> Float[Array, "channel *ones"]:
    """Shape one number per channel so that it broadcasts over a feature map of `ndim` axes."""
    return vector.reshape(-1, *(1,) * (ndim - 1))


def check_features(h: Float[Array, "..."], dimension: int, channels: int) -> None:
    """Raise ValueError unless h is [`channels`, batch, `dimension` axes]."""
    if h.ndim != dimension + 2 or h.shape[0] != channels:
        axes = ", points" * dimension
        raise ValueError(f"expected features of shape ({channels} channels, batch{axes}), got {h.shape}")
