"""Boundaries: how a feature map is continued beyond the ends of an axis."""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

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
    """Continue h beyond the domain by `widths` points on both sides of each axis, according to its boundary."""
    for axis, (width, boundary) in enumerate(zip(widths, boundaries, strict=True), start=2):
        if width and boundary == "periodic" and h.shape[axis] >= width:
            # jnp.pad(mode="wrap") makes the same program, but does not take a grid whose size is a symbol
            before = lax.slice_in_dim(h, h.shape[axis] - width, None, axis=axis)
            h = jnp.concatenate([before, h, lax.slice_in_dim(h, 0, width, axis=axis)], axis)
        elif width:
            around = [(0, 0)] * h.ndim
            around[axis] = (width, width)
            h = jnp.pad(h, around, mode=PADDING[boundary])
    return h
