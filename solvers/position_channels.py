"""Periodic domains whose places differ, by a force or a coefficient: where it is, shown to any solver."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.bounded import Around
from cape.solvers.fno import unmodulated
from cape.solvers.layers.convolution import check_boundaries
from cape.solvers.layers.fourier import Size, counting
from cape.solvers.layers.layout import beside, lead, trail


def places(space: tuple[Size, ...], boundaries: tuple[str, ...]) -> Float[Array, "channel *space"]:
    """Compute cos 2πx and sin 2πx with x = (i + 1/2)/n at cell i of n, for every periodic axis.

    The same place has the same numbers on every grid, and they have no jump where the axis closes.
    """
    channels = []
    for axis, (n, kind) in enumerate(zip(space, boundaries, strict=True)):
        if kind == "periodic":
            angle = 2 * np.pi * (jnp.asarray(counting(n), jnp.float32) + 0.5) / n
            angle = angle.reshape(*(n if other == axis else 1 for other in range(len(space))))
            channels += [jnp.broadcast_to(wave, space) for wave in (jnp.cos(angle), jnp.sin(angle))]
    return jnp.stack(channels)


class Placed(Around):
    """Show a solver where it is around every periodic axis, as channels beside those of the field.

    Args:
        in_channels: channels of the input field.
        boundaries: one per axis, at least one of them "periodic".
        build: makes the solver inside from its number of input channels.
    """

    def __init__(self, in_channels: int, *, boundaries: tuple[str, ...], build: Callable[[int], nnx.Module]):
        self.boundaries = check_boundaries(boundaries)
        around = sum(kind == "periodic" for kind in self.boundaries)
        if not around:
            raise ValueError(f"expected an axis that is periodic, got boundaries {self.boundaries}")
        self.in_channels = in_channels
        self.solver = build(in_channels + 2 * around)

    def __call__(
        self,
        u: Float[Array, "batch *space channel"],
        modulate: Callable[[int, Array], Array] = unmodulated,
    ) -> Float[Array, "batch *space out"]:
        h = lead(u, len(self.boundaries), self.in_channels)
        return self.solver(trail(beside(h, places(h.shape[2:], self.boundaries))), modulate)
