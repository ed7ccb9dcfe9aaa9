"""Do places differ? A force or a coefficient that depends on the place shows in the mean over many trajectories."""

import numpy as np

from cape.datasets.trajectories import Trajectories

_MOST_SAMPLES = 64
_LARGE, _GROWN = 0.2, 3.0


def places_differ(trajectories: Trajectories) -> bool:
    """Tell whether trajectories are no longer alike everywhere around a periodic axis when they end.

    Of N trajectories from random initial conditions, the mean has a variance over space of one Nth of that of a single
    one, and keeps it where all places are alike. Where it ends with three times its share and a fifth or more, the
    equation knows the place. Reads two frames of 64 trajectories at most.
    """
    chosen = np.unique(np.linspace(0, trajectories.samples - 1, _MOST_SAMPLES).round().astype(int))
    around = tuple(1 + i for i, kind in enumerate(trajectories.boundaries) if kind == "periodic")
    if trajectories.frames < 2 or not around:
        return False
    ends = trajectories.select(chosen).subsample(time=trajectories.frames - 1).read()
    first, last = (_share(ends[:, time], around) for time in (0, 1))
    return bool((last > np.maximum(_LARGE, _GROWN * first)).any())


def _share(u: np.ndarray, around: tuple[int, ...]) -> np.ndarray:
    """Compute the variance around the axes of the mean over samples, in variances of one sample, per channel."""
    axes = tuple(range(u.ndim - 1))
    single = u.var(around, keepdims=True).mean(axes)
    mean = u.mean(0, keepdims=True).var(around, keepdims=True).mean(axes)
    return mean / np.where(single > 0, single, np.inf)
