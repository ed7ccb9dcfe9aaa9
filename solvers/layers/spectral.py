"""Spectral convolution as a truncated discrete Fourier transform by matrix products of real arrays."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from cape.solvers.layers.divided_space import own_part, sum_over_space, whole_grid
from cape.solvers.layers.fourier import Constant, Size, cosine_sine
from cape.solvers.layers.initialisation import normal, uniform
from cape.solvers.layers.layout import Features, check_features

Indices = tuple[int, ...]


class SpectralConvolution(nnx.Module):
    """Convolve globally with a learnt multiplier of the lowest Fourier modes: y = F⁻¹[ R(k) F u ].

    F includes the factor 1/N, so R does not depend on the grid: on a finer grid the layer is the same function of a
    band-limited u. A coarser grid leaves out the frequencies that it does not resolve. The cost is linear in the
    number of points of each axis (a truncated transform by matrix products, without FFT and complex numbers).

    Weights `real` and `imaginary`: [*rows, in, out], with m = `modes` rows (frequencies 0..m-1) for the last axis and
    2m rows (0..m-1, then -m..-1) for every other axis. These are the two weight blocks of the published FNO in 2D, and
    its four blocks in 3D. They start uniform in [0, 1) / (in out), as published, unless `std` is given.

    Args:
        in_channels, out_channels: channels of the input and the output.
        modes: frequencies kept per axis, one number for all axes or one for each.
        dimension: number of spatial axes.
        std: standard deviation of centred normal initial weights; None starts with the published weights.

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
        std: float | None = None,
        rngs: nnx.Rngs,
    ):
        if dimension < 1:
            raise ValueError(f"expected at least one spatial axis, got dimension {dimension}")
        if in_channels < 1 or out_channels < 1:
            raise ValueError(f"expected at least one channel, got {in_channels} in and {out_channels} out")
        self.modes = modes_per_axis(modes, dimension)
        self.in_channels = in_channels
        shape = (*(2 * m for m in self.modes[:-1]), self.modes[-1], in_channels, out_channels)
        published = 1.0 / (in_channels * out_channels)
        self.real, self.imaginary = (
            uniform(rngs, shape, 0.0, published) if std is None else normal(rngs, shape, std)
            for _ in ("real", "imaginary")
        )

    def __call__(self, h: Features, *, first_axis: bool = True) -> Float[Array, "out batch *space"]:
        """Convolve h, whose first axis of space is that of the field, or another one if `first_axis` is false.

        That of the field may be divided between devices. Its modes are then summed over them.
        """
        check_features(h, len(self.modes), self.in_channels)
        space = whole_grid(h.shape[2:]) if first_axis else h.shape[2:]
        *others, last = zip(space, self.modes, strict=True)
        chosen = [two_sided_rows(*axis) for axis in others] + [one_sided_rows(*last)]
        frequencies, rows = zip(*chosen, strict=True)
        weight = multipliers(self.real[...], self.imaginary[...], rows)
        analyse, synthesise = (build(space, frequencies, h.dtype) for build in (analysis, synthesis))
        if not first_axis:
            return multiply_modes(h, weight, analyse, synthesise)
        analyse[0], synthesise[0] = own_part(analyse[0], 0), own_part(synthesise[0], 3)
        return multiply_modes(h, weight, analyse, synthesise, sum_over_space)


def modes_per_axis(modes: int | tuple[int, ...], dimension: int) -> tuple[int, ...]:
    """Return one number of modes per axis. Raises ValueError for a wrong number of them or one below 1."""
    each = (modes,) * dimension if isinstance(modes, int) else tuple(modes)
    if len(each) != dimension or min(each) < 1:
        raise ValueError(
            f"expected modes >= 1, one number or {dimension} of them (one per axis), got {modes}"
        )
    return each


def unused_modes(modes: int, resolution: tuple[int, ...]) -> tuple[str, ...]:
    """Return a one-line warning if no axis of the grid has as many as `modes` frequencies, or nothing."""
    points = max(resolution)
    resolved = points // 2 + 1
    if modes <= resolved:
        return ()
    return (
        f"modes = {modes}: a grid of {points} points has {resolved} modes; the weights of the others stay untrained",
    )


# ---- frequencies on a grid, and the rows of the weights that hold them -------------------------------------------


def one_sided_rows(points: Size, modes: int) -> tuple[Indices, Indices]:
    """Return (frequencies, weight rows) of the last axis: the first `modes` frequencies that the grid has."""
    frequencies = tuple(range(min(modes, points // 2 + 1)))
    return frequencies, frequencies


def two_sided_rows(points: Size, modes: int) -> tuple[Indices, Indices]:
    """Return (frequencies, weight rows) of an axis before the last, positive frequencies first.

    With m = `modes`, weight rows 0..m-1 hold the frequencies 0..m-1, and rows m..2m-1 hold -m..-1. A grid with at
    least 2m points has all of them. A coarser grid uses the rows of the frequencies that it has, so that the operator
    stays the same function.
    """
    if points >= 2 * modes:
        return (*range(modes), *range(-modes, 0)), tuple(range(2 * modes))
    first_negative = max(points - modes, (points + 1) // 2)
    positive = range(min(modes, first_negative))
    negative = range(first_negative - points, 0)
    return (*positive, *negative), (*positive, *(2 * modes + k for k in negative))


def multipliers(
    real: Float[Array, "*rows in out"], imaginary: Float[Array, "*rows in out"], rows: Sequence[Indices]
) -> Float[Array, "mode both_in both_out"]:
    """Gather the weights of the given rows of each axis as real matrices, in blocks [[re, im], [-im, re]]."""
    for axis, chosen in enumerate(rows):
        if len(chosen) < real.shape[axis]:
            real = jnp.take(real, np.asarray(chosen), axis=axis)
            imaginary = jnp.take(imaginary, np.asarray(chosen), axis=axis)
    inputs, outputs = real.shape[-2:]
    real, imaginary = real.reshape(-1, inputs, outputs), imaginary.reshape(-1, inputs, outputs)
    to_real = jnp.stack([real, -imaginary], axis=1)
    to_imaginary = jnp.stack([imaginary, real], axis=1)
    both = jnp.stack([to_real, to_imaginary], axis=3)  # [mode, part, in, part, out]
    return both.reshape(len(both), 2 * inputs, 2 * outputs)


# ---- the transforms --------------------------------------------------------------------------------------------


def multiply_modes(
    h: Float[Array, "in batch *space"],
    weight: Float[Array, "mode both_in both_out"],
    analyse: Sequence[Float[Array, "_n _parts _part _k"]],
    synthesise: Sequence[Float[Array, "_part _k _parts _n"]],
    add_parts: Callable[[Array], Array] = lambda modes: modes,
) -> Float[Array, "out batch *space"]:
    """Transform h with the matrices `analyse`, multiply its modes by `weight` and transform back by `synthesise`.

    There is one matrix per axis, of the shapes that `analysis` and `synthesis` give. `weight` comes from `multipliers`.
    `add_parts` completes the modes of a part of a field.
    """
    z = h[..., None, None]  # [channel, batch, *axes left, part, modes so far]
    for matrix in reversed(analyse):
        # every transform is a product with the last axes of z
        z = jnp.moveaxis(jnp.tensordot(z, matrix, ((-3, -2), (0, 1))), -3, -1)
        z = z.reshape(*z.shape[:-2], -1)
    z = add_parts(z)

    z = z.transpose(3, 1, 2, 0).reshape(z.shape[3], z.shape[1], -1)  # [mode, batch, part and channel]
    z = (z @ weight).reshape(*z.shape[:2], 2, weight.shape[-1] // 2).transpose(3, 1, 2, 0)

    for matrix in synthesise:
        z = z.reshape(*z.shape[:-1], matrix.shape[1], -1)
        z = jnp.swapaxes(jnp.tensordot(z, matrix, ((-3, -2), (0, 1))), -3, -1)
    return z[..., 0, 0]


def analysis(space: tuple[Size, ...], frequencies: Sequence[Indices], dtype: DTypeLike) -> list[Array]:
    """Return the matrices that transform a real field to the given frequencies, one per axis."""
    builders = [complex_analysis] * (len(space) - 1) + [real_analysis]
    axes = zip(builders, space, frequencies, strict=True)
    return [jnp.asarray(build(points, chosen), dtype) for build, points, chosen in axes]


def synthesis(space: tuple[Size, ...], frequencies: Sequence[Indices], dtype: DTypeLike) -> list[Array]:
    """Return the matrices that transform the given frequencies back to a real field, one per axis."""
    builders = [complex_synthesis] * (len(space) - 1) + [real_synthesis]
    axes = zip(builders, space, frequencies, strict=True)
    return [jnp.asarray(build(points, chosen), dtype) for build, points, chosen in axes]


def real_analysis(points: Size, frequencies: Indices) -> Constant:
    """Build F[n, 1, q, k], which transforms a real array: part q (real, imaginary) of exp(-2πi k n/N)/N."""
    c, s = cosine_sine(points, frequencies)
    return _stack([c, -s], 1)[:, None] / points


def complex_analysis(points: Size, frequencies: Indices) -> Constant:
    """Build F[n, p, q, k], which transforms a pair p (real, imaginary): blocks [[c, -s], [s, c]] / N."""
    c, s = cosine_sine(points, frequencies)
    return _stack([_stack([c, -s], 1), _stack([s, c], 1)], 1) / points


def real_synthesis(points: Size, frequencies: Indices) -> Constant:
    """Build G[q, k, 1, n], which makes a real array of one-sided modes: weight 1 for DC and Nyquist, 2 otherwise.

    The sines of DC and Nyquist are exactly zero. This drops the imaginary parts of the two modes, as irfft does.
    """
    c, s = (part.T for part in cosine_sine(points, frequencies))
    alone = np.array([[k == 0 or 2 * k == points] for k in frequencies])
    weight, sine = np.where(alone, 1, 2).astype(c.dtype), np.where(alone, 0, 2).astype(c.dtype)
    return _stack([weight * c, -sine * s], 0)[:, :, None]


def complex_synthesis(points: Size, frequencies: Indices) -> Constant:
    """Build G[q, k, p, n], which makes a pair p (real, imaginary): the sum over k of mode q times exp(+2πi k n/N)."""
    c, s = (part.T for part in cosine_sine(points, frequencies))
    return _stack([_stack([c, s], 1), _stack([-s, c], 1)], 0)


def _stack(parts: list, axis: int) -> Constant:
    return (np if isinstance(parts[0], np.ndarray) else jnp).stack(parts, axis)
