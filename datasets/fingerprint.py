"""A fingerprint of trajectories, which tells whether a run is resumed on the data it was started with."""

import hashlib
import json

import numpy as np

from cape.datasets.trajectories import Trajectories

_MOST_SAMPLES = 64  # read at once


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
    for _, _, block in ends.fields.in_order(_MOST_SAMPLES):
        digest.update(np.ascontiguousarray(block, "<f4").data)
    return digest.hexdigest()
