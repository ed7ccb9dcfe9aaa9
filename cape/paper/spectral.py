"""The spectral convolution of the published CAPE block: pooled, and with overlapping blocks of weights."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from cape.solvers.layers.fourier import Size
from cape.solvers.layers.initialisation import uniform
from cape.solvers.layers.layout import Features, check_features
from cape.solvers.layers.spectral import (
    Indices,
    analysis,
    modes_per_axis,
    multipliers,
    multiply_modes,
    one_sided_rows,
    synthesis,
    two_sided_rows,
)

POOL = 4


def overwriting_rows(points: Size, modes: int) -> tuple[Indices, Indices]:
    """Return (frequencies, weight rows) of an axis before the last, as the published implementation chooses them.

    On a grid of m < N < 2m points, with m = `modes`, the two blocks of weight rows overlap. The block of the negative
    frequencies is written second and keeps all its rows; that of the positive ones keeps the rows 0..N-m-1. Other grids
    have the rows of `two_sided_rows`.
    """
    if points >= 2 * modes or points <= modes:
        return two_sided_rows(points, modes)
    positive, negative = range(points - modes), range(-modes, 0)
    return (*positive, *negative), (*positive, *(2 * modes + k for k in negative))


class PooledSpectralConvolution(nnx.Module):
    """Average over cells of 4 points per axis, convolve spectrally, and repeat the result over each cell.

    Pooling and repeating are part of the matrices of the transforms. Weights: see `SpectralConvolution`.

    Args:
        in_channels, out_channels: channels of the input and the output.
        modes: frequencies kept per axis, one number for all axes or one for each.
        dimension: number of spatial axes.

    Raises ValueError for an impossible number of modes and for input of the wrong shape.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        modes: int | tuple[int, ...],
        *,
        dimension: int,
        rngs: nnx.Rngs,
    ):
        self.modes, self.in_channels = modes_per_axis(modes, dimension), in_channels
        shape = (*(2 * m for m in self.modes[:-1]), self.modes[-1], in_channels, out_channels)
        largest = 1.0 / (in_channels * out_channels)
        self.real, self.imaginary = (uniform(rngs, shape, 0.0, largest) for _ in ("real", "imaginary"))

    def __call__(self, h: Features) -> Float[Array, "out batch *space"]:
        check_features(h, len(self.modes), self.in_channels)
        space = tuple(n // POOL for n in h.shape[2:])
        *others, last = zip(space, self.modes, strict=True)
        chosen = [overwriting_rows(*axis) for axis in others] + [one_sided_rows(*last)]
        frequencies, rows = zip(*chosen, strict=True)
        weight = multipliers(self.real[...], self.imaginary[...], rows)
        pooled = [jnp.repeat(matrix / POOL, POOL, axis=0) for matrix in analysis(space, frequencies, h.dtype)]
        repeated = [jnp.repeat(matrix, POOL, axis=-1) for matrix in synthesis(space, frequencies, h.dtype)]
        return multiply_modes(h, weight, pooled, repeated)
