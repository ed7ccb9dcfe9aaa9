"""Domains that end, for any solver: shown as positions, and extended where it takes the domain as periodic."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.fno import unmodulated
from cape.solvers.layers.convolution import check_boundaries, pad
from cape.solvers.layers.fourier import Size, counting
from cape.solvers.layers.layout import beside, lead, trail


def positions(
    space: tuple[Size, ...], boundaries: tuple[str, ...], margins: tuple[Size, ...]
) -> Float[Array, "axis *space"]:
    """Compute (i + 1/2)/n at cell i of n for every axis that ends, with i from -margin to n + margin - 1.

    The same place has the same position on every grid. Periodic axes have no channel: they are the same
    everywhere.
    """
    whole = tuple(n + 2 * m for n, m in zip(space, margins, strict=True))
    channels = []
    for axis, (n, m, kind) in enumerate(zip(space, margins, boundaries, strict=True)):
        if kind != "periodic":
            cells = jnp.asarray(counting(whole[axis]), jnp.float32) + (0.5 - jnp.asarray(m, jnp.float32))
            shape = (whole[axis] if other == axis else 1 for other in range(len(space)))
            channels.append(jnp.broadcast_to((cells / n).reshape(*shape), whole))
    return jnp.stack(channels)


class Around(nnx.Module):
    """What is put around a solver and used in its place: with its `hidden_channels`, `modulate` and `out`."""

    solver: nnx.Module

    @property
    def hidden_channels(self) -> tuple[int, ...]:
        return self.solver.hidden_channels

    @property
    def out(self) -> nnx.Module:
        return self.solver.out


class Bounded(Around):
    """Let a solver work on axes that end: show it where it is, as channels beside those of the field.

    With `extend`, for solvers that take every axis as periodic, the field is also continued by an eighth of the
    axis beyond each end, as the boundary says, so that the two ends do not touch.

    Args:
        in_channels: channels of the input field.
        boundaries: one per axis, not all of them "periodic".
        extend: whether to continue the field.
        build: makes the solver inside from its number of input channels.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        boundaries: tuple[str, ...],
        extend: bool,
        build: Callable[[int], nnx.Module],
    ):
        self.boundaries, self.extend = check_boundaries(boundaries), extend
        ends = sum(kind != "periodic" for kind in self.boundaries)
        if not ends:
            raise ValueError(f"expected an axis that is not periodic, got boundaries {self.boundaries}")
        self.in_channels = in_channels
        self.solver = build(in_channels + ends)

    def __call__(
        self,
        u: Float[Array, "batch *space channel"],
        modulate: Callable[[int, Array], Array] = unmodulated,
    ) -> Float[Array, "batch *space out"]:
        h = lead(u, len(self.boundaries), self.in_channels)
        space = h.shape[2:]
        margins = tuple(
            -(-n // 8) if self.extend and kind != "periodic" else 0
            for n, kind in zip(space, self.boundaries, strict=True)
        )
        h = beside(pad(h, margins, self.boundaries), positions(space, self.boundaries, margins))
        y = self.solver(trail(h), modulate)
        return y[(slice(None), *(slice(m, m + n) for m, n in zip(margins, space, strict=True)))]
