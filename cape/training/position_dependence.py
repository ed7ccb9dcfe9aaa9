"""Detect equations that depend on the position, by a force or a coefficient, from the mean over many trajectories."""

import numpy as np

from cape.datasets.fields import Fields
from cape.datasets.trajectories import Trajectories

_MOST_SAMPLES = 64
_LARGE_SHARE, _GROWTH, _DECAYED = 0.2, 3.0, 1e-6


def depends_on_position(trajectories: Trajectories) -> bool:
    """Return whether the trajectories become different at different positions along a periodic axis.

    The mean over N random initial conditions has 1/N of the variance over space of a single trajectory. If the equation
    is the same everywhere, this share stays 1/N. If the share ends at three times its first value and at a fifth or
    more, the equation depends on the position. With few initial conditions (ten, say) this cannot be detected.
    Reads two frames of at most 64 trajectories, a bounded number of bytes at a time.
    """
    chosen = np.unique(np.linspace(0, trajectories.samples - 1, _MOST_SAMPLES).round().astype(int))
    periodic = tuple(1 + i for i, boundary in enumerate(trajectories.boundaries) if boundary == "periodic")
    if trajectories.frames < 2 or not periodic:
        return False
    ends = trajectories.select(chosen).subsample(time=trajectories.frames - 1).fields
    single, mean = _variances(ends.between(0, 1), periodic)
    last_single, last_mean = _variances(ends.between(1, 2), periodic)
    share = mean / np.where(single > 0, single, 1.0)
    decayed = (
        last_single < _DECAYED * single
    )  # what is left is rounding, which is the same in all trajectories
    grown = last_mean > last_single * np.maximum(_LARGE_SHARE, _GROWTH * share)
    return bool((~decayed & grown).any())


def _variances(frame: Fields, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Compute, per channel, the variance along `axes` of single samples and of the mean over samples."""
    single, total = np.zeros(1), np.zeros(1)
    for _, _, block in frame.in_order(_MOST_SAMPLES):
        u = block[:, 0].astype(np.float64)
        single = single + u.var(axes, keepdims=True).sum(0)
        total = total + u.sum(0, keepdims=True)
    mean = (total / frame.shape[0]).var(axes, keepdims=True)
    single = single / frame.shape[0]
    return single.mean(tuple(range(single.ndim - 1))), mean.mean(tuple(range(mean.ndim - 1)))
