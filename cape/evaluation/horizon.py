"""The correlation horizon: for how long a prediction resembles the truth, in units of time."""

import numpy as np
from jaxtyping import Float

from cape.evaluation.evaluation import Row
from cape.evaluation.flow import CORRELATED_FRACTION


def correlation_horizon(row: Row, times: Float[np.ndarray, " time"]) -> float:
    """Return the time from the last given frame until the correlation with the truth first falls below 0.8.

    It is the mean over trajectories and channels; a rollout that never loses the truth counts with its whole length, so
    that is the largest value. NaN if the evaluation, of an older version, has no such metric.

    Args:
        row: errors at one parameter value.
        times: of the predicted frames, evenly spaced.
    """
    if CORRELATED_FRACTION not in row.values:
        return float("nan")
    return row.values[CORRELATED_FRACTION] * longest_horizon(times)


def longest_horizon(times: Float[np.ndarray, " time"]) -> float:
    """Return the time from the last given frame to the last predicted one."""
    step = times[1] - times[0] if len(times) > 1 else times[0]
    return float(times[-1] - times[0] + step)
