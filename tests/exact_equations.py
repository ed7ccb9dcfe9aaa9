"""Exact solutions at several parameter values, for tests of the identification."""

import numpy as np
import scipy.linalg

from cape.datasets.arrays import from_arrays
from cape.datasets.trajectories import Trajectories

POINTS, FRAMES, DT = 32, 6, 0.1


def smooth_fields(samples: int, seed: int = 0, points: int = POINTS) -> np.ndarray:
    """Return random sums of three waves [sample, x]."""
    random = np.random.default_rng(seed)
    x = (np.arange(points) + 0.5) / points
    k = np.arange(1, 4)
    size, phase = random.normal(size=(samples, 3)), random.uniform(0, 2 * np.pi, (samples, 3))
    return (size[..., None] * np.cos(2 * np.pi * k[:, None] * x + phase[..., None])).sum(1)


def linear_solution(symbol, u0: np.ndarray, dt: float = DT, frames: int = FRAMES) -> np.ndarray:
    """Return [sample, time, x, channel] of u_t = L u, where symbol(1j k) is the matrix of L on a domain of length 1.

    Args:
        u0: [sample, x, channel].
    """
    modes = np.fft.fft(u0, axis=1)
    k = 2j * np.pi * np.fft.fftfreq(u0.shape[1], 1 / u0.shape[1])
    generator = np.moveaxis(np.array(symbol(k), complex), -1, 0)
    exponentials = [scipy.linalg.expm(generator * dt * n) for n in range(frames)]
    return np.stack([np.fft.ifft(np.einsum("kij,bkj->bki", e, modes), axis=1).real for e in exponentials], 1)


def trajectories(u: list[np.ndarray], parameters: dict[str, list[float]], **settings) -> Trajectories:
    """Return trajectories of arrays [sample, time, x, channel], one for each value of the parameters."""
    names = [f"u{channel}" for channel in range(u[0].shape[-1])]
    repeated = {name: np.repeat(values, len(u[0])) for name, values in parameters.items()}
    return from_arrays(
        np.concatenate(u).astype(np.float32),
        repeated,
        dt=DT,
        dx=1 / u[0].shape[2],
        channels=names,
        **settings,
    )


def dispersion(values: list[float]) -> Trajectories:
    """Return u_t = c u_xxx."""
    u0 = smooth_fields(6)[..., None]
    return trajectories([linear_solution(lambda k, c=c: [[c * k**3]], u0) for c in values], {"c": values})


def waves(values: list[float]) -> Trajectories:
    """Return u_t = v, v_t = c² u_xx."""
    u0 = np.stack([smooth_fields(6), smooth_fields(6, seed=1)], -1)

    def symbol(c):
        return lambda k: [[0 * k, 1 + 0 * k], [c**2 * k**2, 0 * k]]

    return trajectories([linear_solution(symbol(c), u0) for c in values], {"c": values})


def logistic(values: list[float]) -> Trajectories:
    """Return u_t = r u (1 − u) at every point."""
    u0 = 0.4 + 0.1 * np.tanh(smooth_fields(6))[:, None, :, None]
    grown = [np.exp(r * DT * np.arange(FRAMES))[None, :, None, None] for r in values]
    return trajectories([u0 * g / (1 + u0 * (g - 1)) for g in grown], {"r": values})


def forced_diffusion(values: list[float]) -> Trajectories:
    """Return u_t = nu u_xx + cos(2π x)."""
    x, k2 = (np.arange(POINTS) + 0.5) / POINTS, (2 * np.pi) ** 2
    force = np.cos(2 * np.pi * x)[None, None, :, None]
    u = []
    for nu in values:
        t = DT * np.arange(FRAMES)[None, :, None, None]
        free = linear_solution(lambda k, nu=nu: [[nu * k**2]], smooth_fields(6)[..., None])
        u.append(free + force * (1 - np.exp(-nu * k2 * t)) / (nu * k2))
    return trajectories(u, {"nu": values})
