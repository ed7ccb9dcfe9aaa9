"""Means over a batch whose samples are divided between several devices."""

import jax
from jaxtyping import Array, Float

MEMBER = "member"  # axis of the mesh along which devices have the weights of other members of an ensemble


def mean_over_devices(values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Average values over the devices that each compute with a part of the batch.

    Layers call it that take means over the batch: the mean of a part is not the mean of the batch. On one device, the
    values are returned as they are.
    """
    axes = _axes()
    return jax.lax.pmean(values, axes) if axes else values


def device_count() -> int:
    """Return the number of devices that each compute with a part of the batch."""
    axes = _axes()
    return jax.lax.axis_size(axes) if axes else 1


def _axes() -> tuple[str, ...]:
    """Return the axes of the mesh whose devices have the same weights."""
    return tuple(axis for axis in jax.sharding.get_abstract_mesh().manual_axes if axis != MEMBER)
