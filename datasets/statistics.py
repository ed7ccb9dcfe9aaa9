"""Statistics of the channels of training data."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cape.datasets.trajectories import Trajectories

_MOST_SAMPLES = 64  # read at once


class ChannelStatistics(NamedTuple):
    """Statistics of each channel over all trajectories, in physical units.

    Attributes:
        mean, std: mean and standard deviation over samples, frames and space.
        lowest: smallest value.
        drift: root mean square over samples and frames of the change, since the first frame, of the mean over space.
    """

    mean: Float[np.ndarray, " channel"]
    std: Float[np.ndarray, " channel"]
    lowest: Float[np.ndarray, " channel"]
    drift: Float[np.ndarray, " channel"]


def channel_statistics(trajectories: Trajectories) -> ChannelStatistics:
    """Compute the statistics of all samples, reading at most 64 samples and a bounded number of bytes at a time.

    Raises:
        ValueError: there are no samples, or values are not finite; the message names the files and the samples.
    """
    if trajectories.samples == 0:
        raise ValueError("no training data: expected at least one sample")
    # Relative to the first value and in float64, so that a large mean does not cost the digits of a small deviation.
    zero = np.zeros(len(trajectories.channel_names))
    first, total, squares, drifts, lowest, count = zero, zero, zero, zero, zero + np.inf, 0
    initial = zero
    for _, frames, fields in trajectories.fields.in_order(_MOST_SAMPLES):
        values = fields.reshape(*fields.shape[:2], -1, fields.shape[-1]).astype(np.float64)
        first = values[0, 0, 0].copy() if count == 0 else first
        values -= first
        means = values.mean(2)  # [sample, time, channel]
        initial = means[:, :1] if frames.start == 0 else initial  # of these samples
        drifts = drifts + (((means - initial) ** 2).sum(1) / trajectories.frames).sum(0)
        values = values.reshape(-1, values.shape[-1])
        lowest = np.minimum(lowest, values.min(0))
        total, squares, count = total + values.sum(0), squares + (values**2).sum(0), count + len(values)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    return ChannelStatistics(first + mean, std, first + lowest, np.sqrt(drifts / trajectories.samples))
