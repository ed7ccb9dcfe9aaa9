"""Interpolation of fields between grids of cell centres, all of them on one domain."""

import functools

import numpy as np


def interpolations(u: np.ndarray, points: int, periodic: bool) -> list[np.ndarray]:
    """Interpolate u[sample, time, *space, channel] to `points` cell centres per axis, in every available way.

    The ways are linear interpolation and, on a periodic domain, Fourier interpolation. A field that has as many points
    already is returned alone and unchanged.
    """
    axes = range(2, u.ndim - 1)
    if u.shape[2] == points:
        return [u]
    ways = [functools.reduce(lambda v, axis: _linear(v, points, axis, periodic), axes, u)]
    if periodic:
        ways.append(functools.reduce(lambda v, axis: _fourier(v, points, axis), axes, u))
    return ways


def _linear(u: np.ndarray, points: int, axis: int, periodic: bool) -> np.ndarray:
    n = u.shape[axis]
    position = (np.arange(points) + 0.5) * n / points - 0.5
    position = position if periodic else np.clip(position, 0, n - 1)
    left = np.floor(position).astype(int)
    weight = (position - left).reshape(-1, *(1,) * (u.ndim - axis - 1))
    return (1 - weight) * u.take(left % n, axis) + weight * u.take((left + 1) % n, axis)


def _fourier(u: np.ndarray, points: int, axis: int) -> np.ndarray:
    n = u.shape[axis]
    u = np.moveaxis(u, axis, -1)
    k = np.arange(min(n, points) // 2 + 1)
    shift = np.exp(2j * np.pi * k * (0.5 / points - 0.5 / n))
    spectrum = np.fft.rfft(u)[..., : len(k)] * shift
    if n % 2 == 0 and n < points:
        spectrum[..., -1] *= 0.5  # the highest mode stands for both signs of k
    return np.moveaxis(np.fft.irfft(spectrum, points) * (points / n), -1, axis)
