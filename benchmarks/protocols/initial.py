"""Random initial conditions of the public protocols."""

import numpy as np

from cape.datasets.equations.incompressible import random_vorticity


def sines(rng: np.random.Generator, samples: int, points: tuple[int, ...], length: float) -> np.ndarray:
    """Draw sums of five sines: amplitudes in [-.5, .5], wave numbers 1 to 3, any phase."""
    x = np.arange(points[0]) / points[0]
    amplitude = rng.uniform(-0.5, 0.5, (samples, 5, 1))
    wave, phase = rng.integers(1, 4, (samples, 5, 1)), rng.uniform(0, 2 * np.pi, (samples, 5, 1))
    return (amplitude * np.sin(2 * np.pi * wave * x + phase)).sum(1)[..., None]


def gaussians(rng: np.random.Generator, samples: int, points: tuple[int, ...], length: float) -> np.ndarray:
    """Draw the mean of five Gaussian bumps at rest: channels u and v = 0, at cell centres.

    Centres keep a quarter of the side from the walls, where u is zero. Widths are .03 to .08 of the side.
    """
    grid = [(np.arange(n) + 0.5) / n for n in points]
    centre, width = rng.uniform(0.25, 0.75, (samples, 5, 2)), rng.uniform(0.03, 0.08, (samples, 5, 1))
    along = [np.exp(-((x - centre[..., axis, None]) ** 2) / (2 * width**2)) for axis, x in enumerate(grid)]
    u = np.einsum("sbx,sby->sxy", *along) / 5
    return np.stack([u, np.zeros_like(u)], -1)


def eddies(rng: np.random.Generator, samples: int, points: tuple[int, ...], length: float) -> np.ndarray:
    """Draw vorticities of mean speed 1 with the energy spectrum k⁴ exp(−(k/4)²), in wave numbers of the domain."""
    k = [np.fft.fftfreq(points[0], 1 / points[0])[:, None], np.fft.rfftfreq(points[1], 1 / points[1])[None]]
    size = np.sqrt(k[0] ** 2 + k[1] ** 2)
    amplitude = size**2.5 * np.exp(-((size / 4) ** 2) / 2)  # the root of k times the spectrum
    w = np.fft.rfft2(rng.normal(size=(samples, *points))) * amplitude
    over_k = np.divide(1, size, out=np.zeros_like(size), where=size > 0) * length / (2 * np.pi)
    speed = np.fft.irfft2(w * over_k, points)  # its mean square is that of the velocity
    return (np.fft.irfft2(w, points) / np.sqrt((speed**2).mean((1, 2), keepdims=True)))[..., None]


def vorticity(rng: np.random.Generator, samples: int, points: tuple[int, ...], length: float) -> np.ndarray:
    """Draw Gaussian random fields of covariance 7³ (−∇² + 49)^(−5/2) on the unit torus."""
    field = random_vorticity(int(rng.integers(2**31)), samples)
    return field(*((np.arange(n) + 0.5) / n for n in points))


def spots(rng: np.random.Generator, samples: int, points: tuple[int, ...], length: float) -> np.ndarray:
    """Draw A = 1 and B = 0 but for two to five Gaussian spots, of a width of .04 to .08 of the side."""
    grid = [np.arange(n) / n for n in points]
    centre, width = rng.uniform(0, 1, (samples, 5, 2)), rng.uniform(0.04, 0.08, (samples, 5, 1))
    there = (np.arange(5) < rng.integers(2, 6, (samples, 1)))[..., None]
    distance = [(x - centre[..., axis, None] + 0.5) % 1 - 0.5 for axis, x in enumerate(grid)]
    along = [np.exp(-(d**2) / (2 * width**2)) for d in distance]
    b = (there[..., None] * along[0][..., :, None] * along[1][..., None, :]).max(1)
    return np.stack([1 - 0.5 * b, 0.3 * b], -1)
