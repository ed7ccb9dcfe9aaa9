"""Detect equations that depend on the position, by a force or a coefficient, from the mean over many trajectories."""

import numpy as np

from cape.datasets.trajectories import Trajectories

_MOST_SAMPLES = 64
_LARGE_SHARE, _GROWTH, _DECAYED = 0.2, 3.0, 1e-6


def depends_on_position(trajectories: Trajectories) -> bool:
    """Return whether the trajectories become different at different positions along a periodic axis.

    The mean over N random initial conditions has 1/N of the variance over space of a single trajectory. If the equation
    is the same everywhere, this share stays 1/N. If the share ends at three times its first value and at a fifth or
    more, the equation depends on the position. With few initial conditions (ten, say) this cannot be detected.
    Reads two frames of at most 64 trajectories.
    """
    chosen = np.unique(np.linspace(0, trajectories.samples - 1, _MOST_SAMPLES).round().astype(int))
    periodic = tuple(1 + i for i, boundary in enumerate(trajectories.boundaries) if boundary == "periodic")
    if trajectories.frames < 2 or not periodic:
        return False
    ends = trajectories.select(chosen).subsample(time=trajectories.frames - 1).read()
    single, mean = _variances(ends[:, 0], periodic)
    last_single, last_mean = _variances(ends[:, 1], periodic)
    share = mean / np.where(single > 0, single, 1.0)
    decayed = (
        last_single < _DECAYED * single
    )  # what is left is rounding, which is the same in all trajectories
    grown = last_mean > last_single * np.maximum(_LARGE_SHARE, _GROWTH * share)
    return bool((~decayed & grown).any())


def _variances(u: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Compute, per channel, the variance along `axes` of single samples and of the mean over samples."""
    others, u = tuple(range(u.ndim - 1)), u.astype(np.float64)
    single = u.var(axes, keepdims=True).mean(others)
    return single, u.mean(0, keepdims=True).var(axes, keepdims=True).mean(others)
