"""The problem of a surrogate that is trained on further data."""

import dataclasses
import warnings

import numpy as np

from cape.datasets.statistics import channel_statistics
from cape.datasets.trajectories import Trajectories
from cape.out_of_distribution import rollout_warnings
from cape.problem import MOST_LISTED_VALUES, Problem
from cape.surrogate import Surrogate

_SAME_LENGTH = 1e-3  # relative difference


def joined_problem(name: str, origin: Surrogate, training: Trajectories) -> Problem:
    """Return the problem of a surrogate after a training on further data.

    The parameter range, the listed values and the steps are those of both trainings. The grid is that of the new data.
    The statistics of the channels and the scale of the parameters stay, as the weights depend on them. A channel whose
    mean changes in the new data is no longer conserved. Reads all of the data, a few samples at a time.

    Args:
        name: of the surrogate, for messages.

    Warns:
        OtherResolution: the grid is coarser than the surrogate's, or finer than its solver permits.

    Raises:
        ValueError: the data have other channels, parameters or boundaries, another domain or time step, or values that
            are not finite.
    """
    problem = origin.problem
    check_fit(name, problem, training)
    for warning in rollout_warnings(problem, None, training.resolution, 0, origin.config.base.finest_grid, 0):
        warnings.warn(warning, stacklevel=2)
    drift = channel_statistics(training).drift.tolist()
    p = training.parameters
    values = np.unique(np.concatenate([p, np.reshape(problem.values, (-1, p.shape[1]))]), axis=0)
    low = tuple(map(min, problem.low, p.min(0).tolist()))
    high = tuple(map(max, problem.high, p.max(0).tolist()))
    scale = problem.scale if (low, high) != problem.scale else ((), ())
    return dataclasses.replace(
        problem,
        resolution=tuple(map(int, training.resolution)),
        origin=tuple(float(x[0]) for x in training.coordinates),
        length=training.lengths,
        steps=max(problem.steps, training.frames - 1),
        low=low,
        high=high,
        values=tuple(map(tuple, values.tolist()))
        if problem.values and len(values) <= MOST_LISTED_VALUES
        else (),
        channel_drift=tuple(map(max, problem.channel_drift, drift)),  # stays empty if it is unknown
        scale_low=scale[0],
        scale_high=scale[1],
    )


def check_fit(name: str, problem: Problem, training: Trajectories) -> None:
    """Raise ValueError unless a surrogate of this name and problem can be trained on these data."""
    start = f"{name}, which the training starts from"
    try:
        problem.check_trajectories(training)
    except ValueError as error:
        raise ValueError(f"{error}, as in {start}") from None
    if not problem.has_time_step(training.dt):
        stride = round(problem.dt / training.dt)
        right = problem.has_time_step(stride * training.dt)
        raise ValueError(
            f"{training.source}: expected the time step {problem.dt:g} of {start}, got {training.dt:g}; "
            + (f"set data.time_stride = {stride}" if right else "give data with this step")
        )
    if not np.allclose(training.lengths, problem.length, rtol=_SAME_LENGTH, atol=0.0):
        found, expected = (
            " x ".join(map("{:g}".format, each)) for each in (training.lengths, problem.length)
        )
        raise ValueError(
            f"{training.source}: expected the domain of length {expected} of {start}, got {found}"
        )
