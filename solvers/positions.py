"""Positions on axes that end, shown to any solver as further input channels."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from .convolution import check_boundaries, check_field
from .fno import unmodulated
from .fourier import Size, counting


def positions(space: tuple[Size, ...], boundaries: tuple[str, ...]) -> Float[Array, "*space axis"]:
    """Compute (i + 1/2)/n at cell i of n for every axis that ends: the same place on every grid.

    Periodic axes have no channel: they are the same everywhere.
    """
    channels = []
    for axis, (n, kind) in enumerate(zip(space, boundaries, strict=True)):
        if kind != "periodic":
            along = jnp.asarray((counting(n) + 0.5) / n, jnp.float32)
            along = along.reshape(*(n if other == axis else 1 for other in range(len(space))))
            channels.append(jnp.broadcast_to(along, space))
    return jnp.stack(channels, -1)


class Positioned(nnx.Module):
    """Show a solver where it is on the axes that end; how it pads them tells it what lies beyond.

    A solver like the one inside: same channels, same `hidden_channels`, `modulate` and `out`.

    Args:
        in_channels: channels of the input field.
        boundaries: one per axis, not all of them "periodic".
        build: makes the solver inside from its number of input channels.
    """

    def __init__(self, in_channels: int, *, boundaries: tuple[str, ...], build: Callable[[int], nnx.Module]):
        self.boundaries = check_boundaries(boundaries)
        ends = sum(kind != "periodic" for kind in self.boundaries)
        if not ends:
            raise ValueError(f"expected an axis that is not periodic, got boundaries {self.boundaries}")
        self.in_channels = in_channels
        self.solver = build(in_channels + ends)

    @property
    def hidden_channels(self) -> tuple[int, ...]:
        return self.solver.hidden_channels

    @property
    def out(self) -> nnx.Module:
        return self.solver.out

    def __call__(
        self,
        u: Float[Array, "batch *space channel"],
        modulate: Callable[[int, Array], Array] = unmodulated,
    ) -> Float[Array, "batch *space out"]:
        check_field(u, len(self.boundaries), self.in_channels)
        where = positions(u.shape[1:-1], self.boundaries).astype(u.dtype)
        where = jnp.broadcast_to(where[None], (*u.shape[:-1], where.shape[-1]))
        return self.solver(jnp.concatenate([u, where], -1), modulate)
