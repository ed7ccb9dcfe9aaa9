"""Batches of an evaluation: samples of one shape, bounded in number and in bytes."""

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cape.datasets.trajectories import Trajectories

MOST_SAMPLES = 50
MOST_BYTES = (
    128 * 2**20
)  # of true frames as float32; the prediction and the metrics take several times as much


class Batch(NamedTuple):
    """Samples that are rolled out together.

    Attributes:
        samples: their positions. The last batch repeats some, so that all batches have one shape.
        frames: their true frames, float32.
        distinct: the number of samples without repetitions.
    """

    samples: Int[np.ndarray, " batch"]
    frames: Float[np.ndarray, "batch time *space channel"]
    distinct: int


def samples_at_once(trajectories: Trajectories, most: int = MOST_SAMPLES) -> int:
    """Return how many samples have at most MOST_BYTES together: at least one, and not more than `most`."""
    of_sample = 4 * prod(trajectories.fields.shape[1:])
    return max(1, min(most, MOST_BYTES // of_sample))


def batches(trajectories: Trajectories, samples: Int[np.ndarray, " sample"], at_once: int) -> Iterator[Batch]:
    """Read samples in batches of `at_once`."""
    for start in range(0, len(samples), at_once):
        chosen = samples[start : start + at_once]
        filled = np.resize(np.arange(len(chosen)), at_once)
        yield Batch(chosen[filled], trajectories.read(chosen)[filled], len(chosen))
