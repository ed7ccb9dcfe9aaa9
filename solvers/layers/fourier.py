"""Discrete Fourier transforms on grids whose size is a number or, during an export, a symbol.

XLA's FFT needs its length as a number. `jax.export` can leave the size of a grid open: N = r·m with a number r and a
symbol m. The transform of length m is then a product with a matrix that the program computes.

Where the first axis of space is divided between devices (`divided_space`), the modes are divided along the second axis
instead: one exchange between all devices for each transform.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from cape.solvers.layers.divided_space import gather_and_divide, own_part, space_parts

Size = Any  # a number of points: an int, or a symbol of jax.export
Constant = np.ndarray | Array  # known when the program is traced if the size is an int
_RADICES = (64, 32, 16, 8, 4, 2, 1)


def fixed(sizes: Sequence[Size]) -> bool:
    """Return whether all sizes are numbers, and none is a symbol of `jax.export`."""
    return all(isinstance(n, int) for n in sizes)


def counting(points: Size) -> Constant:
    """Return 0..N-1 as a constant, or as a computation of the program if N is a symbol."""
    return np.arange(points) if fixed((points,)) else jnp.arange(points, dtype=jnp.int32)


def cosine_sine(points: Size, frequencies: tuple[int, ...]) -> tuple[Constant, Constant]:
    """Compute cos(2πkn/N) and sin(2πkn/N), each [n, k]: float64 constants, or float32 if N is a symbol."""
    if fixed((points,)):
        return _constants(points, frequencies)
    return _cosine_sine_of_turns(
        counting(points)[:, None] * jnp.asarray(frequencies, jnp.int32)[None], points
    )


@lru_cache(maxsize=256)
def _constants(points: int, frequencies: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    phase = 2 * np.pi * np.outer(np.arange(points), frequencies) / points
    return np.cos(phase), np.sin(phase)


def _cosine_sine_of_turns(product: Constant, points: Size) -> tuple[Array, Array]:
    """Compute cos and sin of 2π/N times integers in float32, equally accurate on every grid.

    The integers are reduced to an eighth of a turn before anything is rounded.
    """
    turn = product % points
    quarter = (8 * turn + points) // (2 * points)
    phase = (4 * turn - quarter * points).astype(jnp.float32) / points * (np.pi / 2)
    c, s = jnp.cos(phase), jnp.sin(phase)
    swapped, negative = quarter % 2 == 1, quarter // 2 % 2 == 1
    c, s = jnp.where(swapped, -s, c), jnp.where(swapped, c, s)
    return jnp.where(negative, -c, c), jnp.where(negative, -s, s)


def integer_wave_numbers(grid: tuple[Size, ...]) -> list[Constant]:
    """Return the integer wave numbers of the modes that `rfftn` gives on a whole grid, along each axis."""
    *others, last = grid
    waves = [(counting(n) + n // 2) % n - n // 2 for n in others] + [counting(last // 2 + 1)]
    if space_parts() > 1:
        waves[1] = own_part(_in_equal_parts(jnp.asarray(waves[1]), 0), 0)
    return waves


def rfftn(
    u: Float[Array, "..."], axes: tuple[int, ...], mirrored: Sequence[bool] = (), signs: Any = 1.0
) -> Complex[Array, "..."]:
    """Transform a real array, one-sided along the last of `axes`, as `jnp.fft.rfftn` does, on any grid.

    Args:
        u: the array.
        axes: all axes of space.
        mirrored: whether an axis is first continued by its mirror image, one for each of `axes`.
        signs: of the mirror images; a number, or an array that is broadcast to u.
    """
    if space_parts() > 1:
        return _rfftn_of_part(u, axes, mirrored, signs)
    u = _with_mirror_images(u, axes, mirrored, signs)
    if fixed([u.shape[axis] for axis in axes]):
        return jnp.fft.rfftn(u, axes=axes)
    z = jax.lax.complex(u, jnp.zeros_like(u))
    for axis in axes:
        z = _fft(z, axis)
    return jax.lax.slice_in_dim(z, 0, u.shape[axes[-1]] // 2 + 1, axis=axes[-1])


def irfftn(
    z: Complex[Array, "..."], grid: tuple[Size, ...], axes: tuple[int, ...], mirrored: Sequence[bool] = ()
) -> Float[Array, "..."]:
    """Transform back to a real array of `grid` points along `axes`, as `jnp.fft.irfftn` does; symbols must be even.

    Args:
        z: the modes.
        grid: numbers of points of the whole grid, with the mirror images.
        axes: all axes of space.
        mirrored: whether the second half of an axis is a mirror image and is left out, one for each of `axes`.
    """
    if space_parts() > 1:
        return _irfftn_of_part(z, grid, axes, mirrored)
    if fixed(grid):
        return _without_mirror_images(jnp.fft.irfftn(z, s=grid, axes=axes), axes, mirrored)
    last, n = axes[-1], grid[-1]
    # the missing half mirrors this one, so it adds the real part of modes 1..N/2-1 a second time
    k = jax.lax.broadcasted_iota(jnp.int32, z.shape, last)
    z = jnp.conj(z) * jnp.where((k == 0) | (2 * k == n), 1.0, 2.0)
    z = jnp.pad(z, [(0, n - n // 2 - 1 if axis == last else 0) for axis in range(z.ndim)])
    for axis, points in zip(axes, grid, strict=True):
        z = _fft(z, axis) / points
    return _without_mirror_images(z.real, axes, mirrored)


def _with_mirror_images(u: Array, axes: tuple[int, ...], mirrored: Sequence[bool], signs: Any) -> Array:
    for axis, twice in zip(axes, mirrored, strict=False):
        u = jnp.concatenate([u, jnp.flip(u, axis) * signs], axis) if twice else u
    return u


def _without_mirror_images(u: Array, axes: tuple[int, ...], mirrored: Sequence[bool]) -> Array:
    doubled = [axis for axis, twice in zip(axes, mirrored, strict=False) if twice]
    return u[tuple(slice(size // 2 if axis in doubled else None) for axis, size in enumerate(u.shape))]


def _in_equal_parts(z: Array, axis: int) -> Array:
    """Append zeros so that the devices can divide an axis equally."""
    around = [(0, -size % space_parts() if other == axis else 0) for other, size in enumerate(z.shape)]
    return jnp.pad(z, around)


def _rfftn_of_part(u: Array, axes: tuple[int, ...], mirrored: Sequence[bool], signs: Any) -> Array:
    first, *others = axes
    z = jnp.fft.rfftn(_with_mirror_images(u, tuple(others), mirrored[1:], signs), axes=others)
    z = gather_and_divide(_in_equal_parts(z, others[0]), gather=first, divide=others[0])
    return jnp.fft.fft(_with_mirror_images(z, (first,), mirrored, signs), axis=first)


def _irfftn_of_part(
    z: Array, grid: tuple[int, ...], axes: tuple[int, ...], mirrored: Sequence[bool]
) -> Array:
    first, *others = axes
    z = _without_mirror_images(jnp.fft.ifft(z, axis=first), (first,), mirrored)
    z = gather_and_divide(z, gather=others[0], divide=first)
    modes = grid[1] if len(grid) > 2 else grid[1] // 2 + 1
    z = jax.lax.slice_in_dim(z, 0, modes, axis=others[0])
    return _without_mirror_images(jnp.fft.irfftn(z, s=grid[1:], axes=others), tuple(others), mirrored[1:])


def _fft(z: Complex[Array, "..."], axis: int) -> Complex[Array, "..."]:
    """Transform one axis of N = r·m points: a product of size m, twiddle factors, an FFT of size r (Cooley, Tukey)."""
    z = jnp.moveaxis(z, axis, -1)
    shape, n = z.shape, z.shape[-1]
    radix = next(r for r in _RADICES if n % r == 0)
    m = n // radix
    z = z.reshape(-1, m, radix)
    # full float32 as in an FFT, also on devices that round the factors of a product by default
    matrix = _unit(counting(m)[:, None] * counting(m)[None], m)
    z = jnp.einsum("znr,nk->zkr", z, matrix, precision=jax.lax.Precision.HIGHEST)
    twiddle = _unit(counting(m)[:, None] * np.arange(radix, dtype=np.int32)[None], n)
    z = jnp.fft.fft(z * twiddle[None], axis=-1)
    return jnp.moveaxis(jnp.swapaxes(z, -1, -2).reshape(shape), -1, axis)


def _unit(turns: Constant, points: Size) -> Complex[Array, "..."]:
    """Compute exp(-2πi turns/N)."""
    c, s = _cosine_sine_of_turns(turns, points)
    return jax.lax.complex(c, -s)
