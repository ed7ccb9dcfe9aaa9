"""Images of initial frames: a rollout of an image, mapped back, differs from the rollout of the frame by an error.

If a map is a symmetry of the equation, a surrogate without errors commutes with it. Which maps are symmetries need not
be known: a calibration finds out which differences go along with errors (see `cape.uncertainty.predicted_error`).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cape.problem import Problem

_SMALLER = 0.7
Frames = Float[Array, "batch frames *space channel"]


class Image(NamedTuple):
    """A map of frames and its inverse."""

    apply: Callable[[Frames], Frames]
    undo: Callable[[Frames], Frames]


def images_of(problem: Problem) -> tuple[Image, ...]:
    """Return the maps for frames of a problem.

    These are a change of sign, a reflection along all axes, both together, a smaller amplitude, and a shift by half a
    cell along the periodic axes, if there are any.
    """
    axes = tuple(range(2, 2 + problem.dimension))
    periodic = tuple(axis for axis, kind in zip(axes, problem.boundaries, strict=True) if kind == "periodic")
    maps = [
        Image(jnp.negative, jnp.negative),
        Image(lambda u: jnp.flip(u, axes), lambda u: jnp.flip(u, axes)),
        Image(lambda u: -jnp.flip(u, axes), lambda u: -jnp.flip(u, axes)),
        Image(lambda u: _SMALLER * u, lambda u: u / _SMALLER),
    ]
    if periodic:
        maps.append(Image(lambda u: shifted(u, periodic, 0.5), lambda u: shifted(u, periodic, -0.5)))
    return tuple(maps)


def shifted(u: Frames, axes: tuple[int, ...], cells: float) -> Frames:
    """Shift periodic frames along some axes by a number of cells, by the shift theorem of Fourier."""
    for axis in axes:
        points = u.shape[axis]
        angle = (2 * jnp.pi * cells / points) * jnp.arange(points // 2 + 1, dtype=u.dtype)
        factor = jax.lax.complex(jnp.cos(angle), jnp.sin(angle))
        spectrum = jnp.moveaxis(jnp.fft.rfft(u, axis=axis), axis, -1) * factor.reshape(
            (1,) * (u.ndim - 1) + (-1,)
        )
        u = jnp.fft.irfft(jnp.moveaxis(spectrum, -1, axis), points, axis=axis).astype(u.dtype)
    return u
