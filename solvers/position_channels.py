"""A wrapper for equations whose force or coefficients depend on the position along a periodic axis."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.solvers.layers.boundaries import check_boundaries
from cape.solvers.layers.divided_space import own_part, whole_grid
from cape.solvers.layers.fourier import Size, counting
from cape.solvers.layers.layout import append_channels, channels_first, channels_last
from cape.solvers.solver import BaseSolver, Modulate, unmodulated
from cape.solvers.wrapper import SolverWrapper


def periodic_positions(
    space: tuple[Size, ...], boundaries: tuple[str, ...]
) -> Float[Array, "channel *space"]:
    """Compute cos 2πx and sin 2πx with x = (i + 1/2)/n at cell i of n, for every periodic axis.

    A point has the same values on every grid, and they are continuous where the axis closes.
    """
    channels = []
    for axis, (n, boundary) in enumerate(zip(space, boundaries, strict=True)):
        if boundary == "periodic":
            angle = 2 * np.pi * (jnp.asarray(counting(n), jnp.float32) + 0.5) / n
            angle = angle.reshape(*(n if other == axis else 1 for other in range(len(space))))
            channels += [jnp.broadcast_to(wave, space) for wave in (jnp.cos(angle), jnp.sin(angle))]
    return jnp.stack(channels)


class PositionChannels(SolverWrapper):
    """Add the position along every periodic axis, as cosine and sine, to the input channels of a solver.

    Args:
        in_channels: channels of the input field.
        boundaries: one per axis, at least one of them "periodic".
        build: builds the solver inside from its number of input channels.

    Raises:
        ValueError: no axis is periodic, or a boundary is unknown.
    """

    def __init__(self, in_channels: int, *, boundaries: tuple[str, ...], build: Callable[[int], BaseSolver]):
        self.boundaries = check_boundaries(boundaries)
        periodic = sum(boundary == "periodic" for boundary in self.boundaries)
        if not periodic:
            raise ValueError(f"expected an axis that is periodic, got boundaries {self.boundaries}")
        self.in_channels = in_channels
        self.solver = build(in_channels + 2 * periodic)

    def __call__(
        self, u: Float[Array, "batch *space channel"], modulate: Modulate = unmodulated
    ) -> Float[Array, "batch *space out"]:
        h = channels_first(u, len(self.boundaries), self.in_channels)
        positions = periodic_positions(whole_grid(h.shape[2:]), self.boundaries)
        h = append_channels(h, own_part(positions, axis=1))
        return self.solver(channels_last(h), modulate)
