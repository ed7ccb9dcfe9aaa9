"""Random initial conditions of the zoo."""

import numpy as np


def waves(modes: int, size: float = 1.0, mean: float = 0.0):
    """Return a generator of smooth random fields: Fourier modes up to `modes`, scaled to standard deviation `size`."""

    def initial(rng: np.random.Generator, samples: int, points: tuple[int, ...], length: float) -> np.ndarray:
        white = np.fft.rfftn(rng.normal(size=(samples, *points)), axes=_axes(points))
        k2 = sum(k**2 for k in _wave_numbers(points))
        u = np.fft.irfftn(white * (k2 <= modes**2) * (k2 > 0), points, axes=_axes(points))
        u *= (
            size * rng.uniform(0.7, 1.3, (samples, *(1,) * len(points))) / u.std(_axes(points), keepdims=True)
        )
        return (u + mean)[..., None]

    return initial


def positive(modes: int, low: float, high: float):
    """Return a generator of smooth random fields with values from `low` to `high`."""

    def initial(rng: np.random.Generator, samples: int, points: tuple[int, ...], length: float) -> np.ndarray:
        u = waves(modes)(rng, samples, points, length)
        lowest, highest = u.min(_axes(points), keepdims=True), u.max(_axes(points), keepdims=True)
        return low + (high - low) * (u - lowest) / (highest - lowest)

    return initial


def even(generator):
    """Return a generator of fields with zero slope at both ends of every axis: the first half of an even field."""

    def initial(rng: np.random.Generator, samples: int, points: tuple[int, ...], length: float) -> np.ndarray:
        u = generator(rng, samples, tuple(2 * n for n in points), 2 * length)
        for axis in range(1, 1 + len(points)):
            u = u + np.flip(u, axis)
        return 0.5 * u[(slice(None), *(slice(n) for n in points))]

    return initial


def together(*generators):
    """Return a generator that draws every channel with its own generator."""

    def initial(rng: np.random.Generator, samples: int, points: tuple[int, ...], length: float) -> np.ndarray:
        return np.concatenate([one(rng, samples, points, length) for one in generators], -1)

    return initial


def zero(rng: np.random.Generator, samples: int, points: tuple[int, ...], length: float) -> np.ndarray:
    """Return a field of zeros."""
    return np.zeros((samples, *points, 1))


def blobs(rng: np.random.Generator, samples: int, points: tuple[int, ...], length: float) -> np.ndarray:
    """Return initial conditions of Gray and Scott: u = 1 and v = 0 but for four Gaussian blobs of random place."""
    x = [(np.arange(n) + 0.5) / n for n in points]
    v = np.zeros((samples, *points))
    for _ in range(4):
        centre, width = rng.uniform(0, 1, (samples, len(points))), rng.uniform(0.06, 0.1, samples)
        square = 0.0
        for axis, grid in enumerate(x):
            shape = [1] * (1 + len(points))
            shape[1 + axis] = -1
            distance = (
                grid.reshape(shape) - centre[:, axis].reshape(-1, *(1,) * len(points)) + 0.5
            ) % 1 - 0.5
            square = square + distance**2
        v = np.maximum(v, np.exp(-square / (2 * width.reshape(-1, *(1,) * len(points)) ** 2)))
    return np.stack([1 - 0.5 * v, 0.25 * v], -1)


def _axes(points: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(1, 1 + len(points)))


def _wave_numbers(points: tuple[int, ...]) -> list[np.ndarray]:
    numbers = [np.fft.fftfreq(n, 1 / n) for n in points[:-1]] + [np.fft.rfftfreq(points[-1], 1 / points[-1])]
    return np.meshgrid(*numbers, indexing="ij")
