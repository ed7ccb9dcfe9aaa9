"""The sequence of layers of a Fourier neural operator."""

from collections.abc import Callable, Sequence

from cape.solvers.layers.activation import gelu
from cape.solvers.layers.layout import Features
from cape.solvers.solver import Modulate


def apply_fourier_layers(
    h: Features, maps: Sequence[Callable[[Features], Features]], modulate: Modulate
) -> Features:
    """Apply h = gelu(modulate(i, L_i h)) for every linear map L_i, without the gelu after the last."""
    for i, linear in enumerate(maps):
        h = modulate(i, linear(h))
        if i < len(maps) - 1:
            h = gelu(h)
    return h
