"""Small trajectories of the advection equation in memory, for tests of experiments."""

import numpy as np

from cape.datasets.arrays import in_memory
from cape.datasets.trajectories import Trajectories


def advection(beta, samples=4, points=16, frames=3) -> Trajectories:
    u = np.random.default_rng(0).normal(size=(samples, frames, points, 1))
    x = (np.arange(points) + 0.5) / points
    return in_memory(
        u,
        np.broadcast_to(np.asarray(beta, float).reshape(-1, 1), (samples, 1)),
        ("beta",),
        channel_names=("u",),
        coordinates=(x,),
        times=0.1 * np.arange(frames),
        boundaries=("periodic",),
        equation="advection",
    )


def values(trajectories) -> list[float]:
    return np.unique(trajectories.parameters).tolist()
