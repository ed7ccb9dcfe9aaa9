"""A fingerprint of trajectories, which tells whether a run is resumed on the data it was started with."""

import hashlib
import json

import numpy as np

from cape.datasets.trajectories import Trajectories


def fingerprint(trajectories: Trajectories) -> str:
    """Compute the SHA-256 of names, parameters, grid, times, initial conditions, and first and last frames.

    Reads two frames of every sample, so a change of the frames between them is not noticed.
    """
    t = trajectories
    names = [t.equation, t.channel_names, t.parameter_names, t.boundaries, t.fields.shape]
    digest = hashlib.sha256(json.dumps(names).encode())
    for array in (t.parameters, t.times, *t.coordinates):
        digest.update(np.ascontiguousarray(array, "<f8").data)
    digest.update(np.ascontiguousarray(t.initial_conditions, "<i8").data)
    ends = t.subsample(time=max(t.frames - 1, 1))
    for start in range(0, t.samples, 64):
        block = ends.read(np.arange(start, min(start + 64, t.samples)))
        digest.update(np.ascontiguousarray(block, "<f4").data)
    return digest.hexdigest()
