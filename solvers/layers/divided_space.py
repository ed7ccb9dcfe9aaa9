"""The first axis of space, divided in equal parts between devices.

Inside `jax.shard_map` over the mesh axis `SPACE`, every device has a part of every field: consecutive points along the
first axis of space. A layer calls these functions where a point of its result depends on points of other devices. Where
space is not divided, they change nothing.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

SPACE = "space"  # axis of the mesh


def space_parts() -> int:
    """Return the number of devices that the first axis of space is divided between."""
    divided = SPACE in jax.sharding.get_abstract_mesh().manual_axes
    return lax.axis_size(SPACE) if divided else 1


def whole_grid(space: Sequence[int]) -> tuple[int, ...]:
    """Return the sizes of the grid, of which `space` are those of a device's part."""
    parts = space_parts()
    return tuple(space) if parts == 1 else (space[0] * parts, *space[1:])


def own_part(array: Array, axis: int) -> Array:
    """Return a device's part of an array that all devices have, along its axis of the first axis of space."""
    parts = space_parts()
    if parts == 1:
        return array
    size = array.shape[axis] // parts
    return lax.dynamic_slice_in_dim(jnp.asarray(array), lax.axis_index(SPACE) * size, size, axis)


def sum_over_space(values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Sum values over the devices that share a field."""
    return lax.psum(values, SPACE) if space_parts() > 1 else values


def mean_over_space(values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Average values over the devices that share a field, so that a mean over a part is that over the field."""
    return lax.pmean(values, SPACE) if space_parts() > 1 else values


def max_over_space(values: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return the largest values of the devices that share a field."""
    return lax.pmax(values, SPACE) if space_parts() > 1 else values


def with_neighbours(
    h: Array, width: int, axis: int, outside: Callable[[Array], Array] | None = None
) -> Array:
    """Continue a part by `width` points on both sides of the divided axis, with the points of the next devices.

    Args:
        h: a device's part.
        width: number of points, at most those of a part.
        axis: of `h`, the one that is divided.
        outside: continues a field beyond both ends by `width` points; None: the axis is periodic.

    Raises:
        ValueError: a part has fewer points.
    """
    parts, points = space_parts(), h.shape[axis]
    if width > points:
        raise ValueError(f"a layer needs {width} points of the next device, and each device has {points}")
    following = [(i, (i + 1) % parts) for i in range(parts)]
    last = lax.slice_in_dim(h, points - width, points, axis=axis)
    before = lax.ppermute(last, SPACE, following)
    after = lax.ppermute(lax.slice_in_dim(h, 0, width, axis=axis), SPACE, [(b, a) for a, b in following])
    if outside is not None:
        index, ends = lax.axis_index(SPACE), outside(h)
        before = jnp.where(index == 0, lax.slice_in_dim(ends, 0, width, axis=axis), before)
        end = lax.slice_in_dim(ends, width + points, None, axis=axis)
        after = jnp.where(index == parts - 1, end, after)
    return jnp.concatenate([before, h, after], axis)


def divided_anew(h: Array, margin: int, axis: int) -> Array:
    """Divide a field equally that is `margin` points longer at both ends; h has as many points of both neighbours.

    Raises:
        ValueError: the longer axis cannot be divided.
    """
    parts = space_parts()
    if parts == 1 or not margin:
        return h
    if 2 * margin % parts:
        whole = (h.shape[axis] - 2 * margin) * parts
        raise ValueError(
            f"the solver continues the first axis from {whole} to {whole + 2 * margin} points, which {parts} devices "
            "cannot share equally"
        )
    more = 2 * margin // parts
    start = lax.axis_index(SPACE) * more
    return lax.dynamic_slice_in_dim(h, start, h.shape[axis] - 2 * margin + more, axis)


def without_margin(h: Array, margin: int, axis: int) -> Array:
    """Undo `divided_anew`: return a device's part of the field without the `margin` points at both ends."""
    more = 2 * margin // space_parts()
    around = with_neighbours(h, margin, axis)
    start = 2 * margin - lax.axis_index(SPACE) * more
    return lax.dynamic_slice_in_dim(around, start, h.shape[axis] - more, axis)


def gather_and_divide(h: Array, gather: int, divide: int) -> Array:
    """Return all points of axis `gather` and a part of axis `divide`, of an array that is divided the other way."""
    return lax.all_to_all(h, SPACE, divide, gather, tiled=True)


def along_whole_axis(function: Callable[..., Array], axis: int, *arrays: Array) -> Array:
    """Apply a function of arrays of one shape that needs all points of the divided axis, but treats others one by one.

    Raises:
        ValueError: no other axis can be divided.
    """
    parts = space_parts()
    if parts == 1:
        return function(*arrays)
    others = [i for i, size in enumerate(arrays[0].shape) if i != axis and size % parts == 0]
    if not others:
        raise ValueError(f"a layer divides another axis of its features {arrays[0].shape} by {parts} devices")
    result = function(*(gather_and_divide(array, axis, others[0]) for array in arrays))
    return gather_and_divide(result, others[0], axis)
