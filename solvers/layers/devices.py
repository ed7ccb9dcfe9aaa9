"""Means over a batch whose samples are divided between several devices."""

import jax
from jaxtyping import Array, Float


def mean_over_devices(values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Average values over the devices that each compute with a part of the batch.

    Layers call it that take means over the batch: the mean of a part is not the mean of the batch. On one device, the
    values are returned as they are.
    """
    axes = jax.sharding.get_abstract_mesh().manual_axes
    return jax.lax.pmean(values, axes) if axes else values


def device_count() -> int:
    """Return the number of devices that each compute with a part of the batch."""
    mesh = jax.sharding.get_abstract_mesh()
    return jax.lax.axis_size(mesh.manual_axes) if mesh.manual_axes else 1
