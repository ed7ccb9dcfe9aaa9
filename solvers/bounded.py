"""A wrapper for domains that are not periodic: adds coordinates and extends the field beyond the domain."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from cape.solvers.layers.boundaries import check_boundaries, pad
from cape.solvers.layers.divided_space import divided_anew, own_part, space_parts, whole_grid, without_margin
from cape.solvers.layers.fourier import Size, counting
from cape.solvers.layers.layout import append_channels, channels_first, channels_last
from cape.solvers.solver import BaseSolver, Modulate, unmodulated
from cape.solvers.wrapper import SolverWrapper


def positions(
    space: tuple[Size, ...], boundaries: tuple[str, ...], margins: tuple[Size, ...]
) -> Float[Array, "axis *padded"]:
    """Compute (i + 1/2)/n at cell i of n for every axis that is not periodic, with i from -margin to n + margin - 1.

    A point has the same position on every grid. Periodic axes have no channel.
    """
    padded = tuple(n + 2 * m for n, m in zip(space, margins, strict=True))
    channels = []
    for axis, (n, m, boundary) in enumerate(zip(space, margins, boundaries, strict=True)):
        if boundary != "periodic":
            cells = jnp.asarray(counting(padded[axis]), jnp.float32) + (0.5 - jnp.asarray(m, jnp.float32))
            shape = (padded[axis] if other == axis else 1 for other in range(len(space)))
            channels.append(jnp.broadcast_to((cells / n).reshape(*shape), padded))
    return jnp.stack(channels)


class Bounded(SolverWrapper):
    """Add the positions along every axis that is not periodic to the input channels of a solver.

    With `extend`, the field is also continued beyond both ends of these axes, by an eighth of the axis and according to
    the boundary. This keeps the two ends apart in solvers that take every axis as periodic.

    Args:
        in_channels: channels of the input field.
        boundaries: one per axis, not all of them "periodic".
        extend: whether to continue the field.
        build: builds the solver inside from its number of input channels.

    Raises:
        ValueError: every axis is periodic, or a boundary is unknown.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        boundaries: tuple[str, ...],
        extend: bool,
        build: Callable[[int], BaseSolver],
    ):
        self.boundaries, self.extend = check_boundaries(boundaries), extend
        bounded = sum(boundary != "periodic" for boundary in self.boundaries)
        if not bounded:
            raise ValueError(f"expected an axis that is not periodic, got boundaries {self.boundaries}")
        self.in_channels = in_channels
        self.solver = build(in_channels + bounded)

    def __call__(
        self, u: Float[Array, "batch *space channel"], modulate: Modulate = unmodulated
    ) -> Float[Array, "batch *space out"]:
        h = channels_first(u, len(self.boundaries), self.in_channels)
        space = whole_grid(h.shape[2:])
        margins = tuple(
            -(-n // 8) if self.extend and boundary != "periodic" else 0
            for n, boundary in zip(space, self.boundaries, strict=True)
        )
        h = divided_anew(pad(h, margins, self.boundaries), margins[0], axis=2)
        h = append_channels(h, own_part(positions(space, self.boundaries, margins), axis=1))
        y = self.solver(channels_last(h), modulate)
        if space_parts() > 1:
            y, margins = without_margin(y, margins[0], axis=1), (0, *margins[1:])
        return y[(slice(None), *(slice(m, m + n) for m, n in zip(margins, u.shape[1:-1], strict=True)))]
