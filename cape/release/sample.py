"""The sample of a pretrained folder: a few trajectories that training never used."""

import math
from pathlib import Path

import numpy as np

from cape.datasets.simulate.writer import write
from cape.datasets.trajectories import Trajectories

_SAMPLE_BYTES, _MOST_SAMPLES = 200_000, 24


def choose_sample(test: Trajectories, fewest_frames: int = 2) -> Trajectories:
    """Choose trajectories that fit into some hundred kilobytes, in turn from every parameter value.

    If a single trajectory does not fit, its first frames are taken, at least `fewest_frames`.
    """
    frame = 4 * math.prod(test.fields.shape[2:])
    test = test.first_frames(int(np.clip(_SAMPLE_BYTES // frame, fewest_frames, test.frames)))
    count = int(np.clip(_SAMPLE_BYTES // (frame * test.frames), 1, _MOST_SAMPLES))
    value = np.unique(test.parameters, axis=0, return_inverse=True)[1].reshape(-1)
    turn = np.array([np.count_nonzero(value[:i] == v) for i, v in enumerate(value)])
    return test.select(np.sort(np.lexsort((value, turn))[:count]))


def write_sample(path: Path, sample: Trajectories, generator: str) -> None:
    """Write a sample in the layout of PDEBench."""
    write(
        path,
        sample.read(),
        parameters=sample.parameters,
        parameter_names=sample.parameter_names,
        channel_names=sample.channel_names,
        coordinates=sample.coordinates,
        times=sample.times,
        initial_conditions=sample.initial_conditions,
        attributes={
            "equation": sample.equation,
            "boundary": ", ".join(sample.boundaries),
            "generator": generator,
        },
    )
