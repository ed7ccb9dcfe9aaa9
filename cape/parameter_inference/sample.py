"""The sample in a pretrained folder, as trajectories to calibrate intervals on."""

import math
from pathlib import Path

from cape.datasets.opening import open_files
from cape.datasets.trajectories import Trajectories
from cape.locate import locate

FILE = "sample.hdf5"


def calibration_sample(model: str | Path, level: float, duration: float) -> Trajectories | None:
    """Return the sample of a pretrained folder, or None if it is missing, too small or too short.

    Args:
        model: folder, or name of a shipped surrogate.
        level: probability of the intervals; it decides how many trajectories are enough.
        duration: time from the first to the last frame of the observation.
    """
    file = locate(model) / FILE
    if not file.is_file():
        return None
    sample = open_files(file)
    enough = sample.samples >= math.ceil(level / (1 - level))
    return sample if enough and sample.times[-1] - sample.times[0] >= duration * (1 - 1e-6) else None
