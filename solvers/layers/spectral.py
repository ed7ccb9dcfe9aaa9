"""Spectral convolution as a truncated discrete Fourier transform by matrix products on real arrays."""

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from cape.solvers.layers.fourier import Size, cosine_sine
from cape.solvers.layers.initialisation import normal, uniform
from cape.solvers.layers.layout import Features, check_features


def one_sided_frequencies(points: Size, modes: int) -> tuple[int, ...]:
    """List the first `modes` frequencies of the last axis, or those that a grid of `points` has."""
    return tuple(range(min(modes, points // 2 + 1)))


def two_sided_rows(points: Size, modes: int, overwrite: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Choose the frequencies of a non-last axis, and the weight row of each.

    Weight rows 0..m-1 hold the frequencies 0..m-1, rows m..2m-1 hold -m..-1. A grid with 2m points or more
    has all of them. On a smaller one the two blocks meet: with `overwrite` (the published form) the negative
    block is written second and takes all its rows, so that the positive one keeps 0..points-m-1; without it
    (and always when points <= m, where the published form has no frequency 0 left) every row is read as the
    frequency that it truly is, so that the operator stays the same function on a coarser grid.

    Returns (frequencies, weight rows), positive frequencies first.
    """
    if points >= 2 * modes:
        return (*range(modes), *range(-modes, 0)), tuple(range(2 * modes))
    first_negative = max(points - modes, 0)
    if not (overwrite and points > modes):
        first_negative = max(first_negative, (points + 1) // 2)
    positive = range(min(modes, first_negative))
    negative = range(first_negative - points, 0)
    return (*positive, *negative), (*positive, *(2 * modes + k for k in negative))


def real_analysis(points: Size, frequencies: tuple[int, ...]) -> ArrayLike:
    """Build F[n, 1, q, k], part q (real, imaginary) of exp(-2πi k n/N)/N: analyses a real array."""
    c, s = cosine_sine(points, frequencies)
    return _stack([c, -s], 1)[:, None] / points


def complex_analysis(points: Size, frequencies: tuple[int, ...]) -> ArrayLike:
    """Build F[n, p, q, k]: the same for a pair p (real, imaginary), as a product with [[c, s], [-s, c]]."""
    c, s = cosine_sine(points, frequencies)
    return _stack([_stack([c, -s], 1), _stack([s, c], 1)], 1) / points


def real_synthesis(points: Size, frequencies: tuple[int, ...]) -> ArrayLike:
    """Build G[q, k, 1, n]: a real array from one-sided coefficients; weight 1 for DC and Nyquist, else 2.

    The sines of DC and Nyquist are set to exactly zero: the imaginary parts of these two are dropped, as by
    irfft.
    """
    c, s = (part.T for part in cosine_sine(points, frequencies))
    alone = np.array([[k == 0 or 2 * k == points] for k in frequencies])
    weight, sine = np.where(alone, 1, 2).astype(c.dtype), np.where(alone, 0, 2).astype(c.dtype)
    return _stack([weight * c, -sine * s], 0)[:, :, None]


def complex_synthesis(points: Size, frequencies: tuple[int, ...]) -> ArrayLike:
    """Build G[q, k, p, n]: a pair p (real, imaginary) as the sum of coefficient q times exp(+2πi k n/N)."""
    c, s = (part.T for part in cosine_sine(points, frequencies))
    return _stack([_stack([c, s], 1), _stack([-s, c], 1)], 0)


def _stack(parts: list, axis: int) -> ArrayLike:
    return (np if isinstance(parts[0], np.ndarray) else jnp).stack(parts, axis)


class SpectralConvolution(nnx.Module):
    """Convolve globally by a learnt multiplier of the lowest Fourier modes: y = F⁻¹[ R(k) F u ].

    F is normalised by 1/N, so that R does not depend on the grid: on a finer grid the layer is the same
    function of a band-limited u. On a coarser one the frequencies that it does not have are left out. Cost is
    linear in the number of points of each axis (a truncated transform by matrix products, no FFT, no complex
    dtype).

    Weights `real` and `imaginary`: [*rows, in, out], with `modes` rows (frequencies 0..m-1) for the last axis
    and 2 `modes` rows (0..m-1, then -m..-1) for every other axis: the two blocks of the published FNO in 2D,
    four in 3D. Initialised uniform in [0, 1) / (in out), as published, unless `spread` is given.

    Args:
        in_channels, out_channels: channels of the input and the output.
        modes: frequencies kept per axis, one number for all or one for each axis.
        dimension: number of spatial axes.
        overwrite: what happens on an axis with fewer than 2 `modes` points, see `two_sided_rows`: True is the
            published form, False reads every row as its true frequency (better on grids coarser than trained
            on).
        spread: standard deviation of centred normal initial weights; None: the published ones.
        pool: take the means of `pool` neighbours along each axis, and repeat the result as often, as the published
            CAPE block does: both are part of the transforms.

    Raises ValueError for an impossible number of modes or channels and for input of the wrong shape.
    Source: Li et al., Fourier Neural Operator, arXiv 2010.08895, equation 4.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        modes: int | tuple[int, ...],
        *,
        dimension: int,
        overwrite: bool = True,
        spread: float | None = None,
        pool: int = 1,
        rngs: nnx.Rngs,
    ):
        if dimension < 1:
            raise ValueError(f"expected at least one spatial axis, got dimension {dimension}")
        if in_channels < 1 or out_channels < 1:
            raise ValueError(f"expected at least one channel, got {in_channels} in and {out_channels} out")
        self.modes = (modes,) * dimension if isinstance(modes, int) else tuple(modes)
        if len(self.modes) != dimension or min(self.modes) < 1:
            raise ValueError(
                f"expected modes >= 1, one number or {dimension} of them (one per axis), got {modes}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.overwrite, self.pool = overwrite, pool
        shape = (*(2 * m for m in self.modes[:-1]), self.modes[-1], in_channels, out_channels)
        published = 1.0 / (in_channels * out_channels)
        self.real, self.imaginary = (
            uniform(rngs, shape, 0.0, published) if spread is None else normal(rngs, shape, spread)
            for _ in ("real", "imaginary")
        )

    def __call__(self, h: Features) -> Features:
        dimension = len(self.modes)
        check_features(h, dimension, self.in_channels)
        space = tuple(n // self.pool for n in h.shape[2:])
        frequencies, weight = self._modes_on(space)
        counts = [len(k) for k in frequencies]

        # every transform is a product with the last axes of what is there
        z = h[..., None, None]  # [channel, batch, *axes left, part, modes so far]
        for axis in reversed(range(dimension)):
            build = real_analysis if axis == dimension - 1 else complex_analysis
            matrix = jnp.asarray(build(space[axis], frequencies[axis]), h.dtype)
            matrix = jnp.repeat(matrix / self.pool, self.pool, axis=0) if self.pool > 1 else matrix
            z = jnp.moveaxis(jnp.tensordot(z, matrix, ((-3, -2), (0, 1))), -3, -1)
            z = z.reshape(*z.shape[:-2], -1)

        z = z.transpose(3, 1, 2, 0).reshape(z.shape[3], z.shape[1], -1)  # [mode, batch, part and channel]
        z = (z @ weight).reshape(*z.shape[:2], 2, self.out_channels).transpose(3, 1, 2, 0)

        for axis in range(dimension):
            build = real_synthesis if axis == dimension - 1 else complex_synthesis
            matrix = jnp.asarray(build(space[axis], frequencies[axis]), h.dtype)
            matrix = jnp.repeat(matrix, self.pool, axis=-1) if self.pool > 1 else matrix
            z = z.reshape(*z.shape[:-1], counts[axis], -1)
            z = jnp.swapaxes(jnp.tensordot(z, matrix, ((-3, -2), (0, 1))), -3, -1)
        return z[..., 0, 0]

    def _modes_on(
        self, space: tuple[Size, ...]
    ) -> tuple[list[tuple[int, ...]], Float[Array, "mode both_in both_out"]]:
        """Choose the frequencies that a grid has, and gather their multipliers as matrices of 2x2 real blocks."""
        real, imaginary = self.real[...], self.imaginary[...]
        frequencies = []
        for axis, (points, modes) in enumerate(zip(space, self.modes, strict=True)):
            if axis == len(space) - 1:
                chosen = rows = one_sided_frequencies(points, modes)
            else:
                chosen, rows = two_sided_rows(points, modes, self.overwrite)
            frequencies.append(chosen)
            if len(rows) < real.shape[axis]:
                real = jnp.take(real, np.asarray(rows), axis=axis)
                imaginary = jnp.take(imaginary, np.asarray(rows), axis=axis)
        real = real.reshape(-1, *real.shape[-2:])
        imaginary = imaginary.reshape(-1, *imaginary.shape[-2:])
        to_real = jnp.stack([real, -imaginary], axis=1)
        to_imaginary = jnp.stack([imaginary, real], axis=1)
        both = jnp.stack([to_real, to_imaginary], axis=3)  # [mode, part, in, part, out]
        return frequencies, both.reshape(len(both), 2 * self.in_channels, 2 * self.out_channels)
