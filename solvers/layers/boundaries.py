"""Boundaries: how a feature map is continued beyond the ends of an axis."""

from collections.abc import Sequence
from functools import partial

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from cape.solvers.layers.divided_space import space_parts, with_neighbours
from cape.solvers.layers.layout import Features

# The mode of jnp.pad that continues a field beyond each boundary. "zeros" is for the published forms alone, which pad
# every domain with zeros, whatever its boundary.
PADDING = {"periodic": "wrap", "outgoing": "edge", "wall": "edge", "zeros": "constant"}


def check_boundaries(boundaries: Sequence[str]) -> tuple[str, ...]:
    """Return `boundaries` as a tuple, one per axis. Raises ValueError if it is empty or holds an unknown boundary."""
    if isinstance(boundaries, str) or not boundaries or any(name not in PADDING for name in boundaries):
        raise ValueError(f"expected one boundary per axis, each of {sorted(PADDING)}, got {boundaries!r}")
    return tuple(boundaries)


def pad(
    h: Features, widths: Sequence[int], boundaries: Sequence[str]
) -> Float[Array, "channel batch *padded"]:
    """Continue h beyond the domain by `widths` points on both sides of each axis, according to its boundary.

    Where the first axis is divided between devices, a part is continued by the points of its neighbours.
    """
    for axis, (width, boundary) in enumerate(zip(widths, boundaries, strict=True), start=2):
        around = [(width, width) if other == axis else (0, 0) for other in range(h.ndim)]
        if width and axis == 2 and space_parts() > 1:
            outside = partial(jnp.pad, pad_width=around, mode=PADDING[boundary])
            h = with_neighbours(h, width, axis, None if boundary == "periodic" else outside)
        elif width and boundary == "periodic" and h.shape[axis] >= width:
            # jnp.pad(mode="wrap") makes the same program, but does not take a grid whose size is a symbol
            before = lax.slice_in_dim(h, h.shape[axis] - width, None, axis=axis)
            h = jnp.concatenate([before, h, lax.slice_in_dim(h, 0, width, axis=axis)], axis)
        elif width:
            h = jnp.pad(h, around, mode=PADDING[boundary])
    return h
