"""Do places differ? A force or a coefficient that depends on the place shows in the mean over many trajectories."""

import numpy as np

from cape.datasets.trajectories import Trajectories

_MOST_SAMPLES = 64
_LARGE, _GROWN, _GONE = 0.2, 3.0, 1e-6


def places_differ(trajectories: Trajectories) -> bool:
    """Tell whether trajectories are no longer alike everywhere around a periodic axis when they end.

    The mean over N random initial conditions has a variance over space of one Nth of that of a single trajectory, and
    keeps this share where all places are alike. Where it ends with three times its share and a fifth or more, the
    equation knows the place; of few initial conditions (ten, say) that cannot be told. Reads two frames of 64
    trajectories at most.
    """
    chosen = np.unique(np.linspace(0, trajectories.samples - 1, _MOST_SAMPLES).round().astype(int))
    around = tuple(1 + i for i, kind in enumerate(trajectories.boundaries) if kind == "periodic")
    if trajectories.frames < 2 or not around:
        return False
    ends = trajectories.select(chosen).subsample(time=trajectories.frames - 1).read()
    (single, mean), (last_single, last_mean) = (_variances(ends[:, time], around) for time in (0, 1))
    share = mean / np.where(single > 0, single, 1.0)
    gone = last_single < _GONE * single  # decayed to rounding, which is the same in all trajectories
    return bool((~gone & (last_mean > last_single * np.maximum(_LARGE, _GROWN * share))).any())


def _variances(u: np.ndarray, around: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Compute the variances around the axes of single samples and of the mean over samples, per channel."""
    axes, u = tuple(range(u.ndim - 1)), u.astype(np.float64)
    single = u.var(around, keepdims=True).mean(axes)
    return single, u.mean(0, keepdims=True).var(around, keepdims=True).mean(axes)
