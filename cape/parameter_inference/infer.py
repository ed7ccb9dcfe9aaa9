"""Infer the parameters of observed trajectories by fitting rollouts of a surrogate."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.stats import norm, t

from cape.datasets.trajectories import Trajectories
from cape.parameter_inference.calibration import calibrate
from cape.parameter_inference.doubts import doubts
from cape.parameter_inference.fit import Fit, fit
from cape.parameter_inference.inference import Inference, Profile
from cape.parameter_inference.members import member_misfits
from cape.parameter_inference.misfit import Misfit
from cape.parameter_inference.noise import check_points, given_noise
from cape.parameter_inference.observation import Selection
from cape.parameter_inference.scale import Bounds, ParameterScale
from cape.surrogate import Surrogate


def infer(
    surrogate: Surrogate,
    frames: Trajectories | Float[ArrayLike, "..."],
    *,
    noise: float | Sequence[float] | None = None,
    frames_observed: Sequence[int] | None = None,
    points_every: int = 1,
    channels: Sequence[str] | None = None,
    initial: Float[ArrayLike, "..."] | None = None,
    bounds: Bounds | None = None,
    known: Mapping[str, float] | None = None,
    calibration: Trajectories | None = None,
    level: float = 0.9,
    starts: int = 3,
    seed: int = 0,
) -> Inference:
    """Infer the parameters of observed trajectories, with intervals; this is `cape.infer`.

    The rollout from the first observed frame is fitted to the later ones by least squares: a scan of the parameter
    range, then Levenberg-Marquardt steps whose derivatives go through the rollout. The interval holds the values at
    which the misfit rises by less than the errors allow: those of the observation (noise) and those of the surrogate.

    The surrogate's error is not white noise, and it dominates where the noise is small. With `calibration`, the widths
    are those that cover the known parameters of these trajectories. Without it, the members of an ensemble show the
    error (see `fit_members`). The error of a single surrogate is taken to have the shape that moves the estimate most;
    such intervals are usually several times too wide.

    Args:
        surrogate: of the observed equation.
        frames: trajectories (`cape.open`), or an array [time, *space, channel] or [trajectory, time, *space, channel]
            with frames one step of the surrogate apart. Each trajectory has its own parameters. Trajectories need no
            parameters; if they have some, these are not used.
        noise: standard deviation of the noise of the observation, one number or one per channel, in units of the
            fields. None: estimated from the residual.
        frames_observed: numbers of the frames that are compared, see `Selection`. None: all.
        points_every: only every n-th point along each axis is observed.
        channels: names of the channels that are compared. None: all.
        initial: the exact first frames on the surrogate's grid. None: the first of `frames`, with noise.
        bounds: (low, high) of parameters, by name; by default the trained range.
        known: values of parameters that are not sought, by name.
        calibration: trajectories with known parameters that were not used for training, at least 9 for intervals of
            90 %, and like the observation.
        level: probability of the intervals.
        starts: how many local minima of the scan are refined.
        seed: of the noise that is added to the calibration trajectories.

    Raises:
        ValueError: an argument is out of range, the observation does not fit the surrogate, or there are too few points
            to estimate the noise.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a probability between 0 and 1, such as 0.9, got {level}")
    if starts < 1:
        raise ValueError(f"starts: expected at least 1, got {starts}")
    problem = surrogate.problem
    scale = ParameterScale.of(problem, bounds, known)
    levels = None if noise is None else given_noise(noise, problem.channels, problem.channel_std)
    selection = Selection(frames_observed, points_every, channels)
    observation = selection.of(problem, surrogate.window, frames, initial)
    if levels is None:
        check_points(observation.target.shape, observation.source)
    misfit = Misfit(surrogate, scale, observation)
    found = fit(misfit, levels, starts, member_misfits(surrogate, scale, observation))
    factor, count = t.ppf(0.5 + level / 2, found.freedom), 0
    if calibration is not None:
        measured = calibrate(
            surrogate, scale, calibration, selection, observation, found, levels, starts, seed
        )
        factor, count = np.broadcast_to(measured.factor(level), factor.shape), len(measured.scores)
    return _result(surrogate, misfit, found, factor, level, count, noise is None)


def _result(
    surrogate: Surrogate,
    misfit: Misfit,
    found: Fit,
    factor: Float[np.ndarray, "trajectory sought"],
    level: float,
    calibrated_on: int,
    noise_estimated: bool,
) -> Inference:
    """Convert a fit from positions to values."""
    problem, scale, observation = surrogate.problem, misfit.scale, misfit.observation
    ends = found.interval(factor)
    covariance = _as_wide_as(ends, found.covariance, level)
    std = np.asarray(problem.channel_std)
    size = (observation.target / std[list(observation.channels)]) ** 2
    size = size.reshape(observation.trajectories, -1).sum(1)
    forward_error = np.sqrt(found.unexplained.sum(1) / np.maximum(size, 1e-30))
    values, slopes = scale.values(found.best), scale.slopes(found.best)
    values_of_members = scale.values(found.members)  # [trajectory, member, sought]
    bounds = scale.values(np.moveaxis(ends, -1, 0))  # [end, trajectory, sought]
    lines = scale.values(np.moveaxis(found.profiles.positions, 1, -1))  # [trajectory, point, sought]
    return Inference(
        values={name: values[:, i] for i, name in enumerate(scale.sought)},
        interval={name: bounds[:, :, i].T for i, name in enumerate(scale.sought)},
        covariance=covariance * slopes[:, :, None] * slopes[:, None, :],
        level=level,
        noise={name: found.noise[:, i] * std[i] for i, name in enumerate(problem.channels)},
        noise_estimated=noise_estimated,
        forward_error=forward_error,
        calibrated_on=calibrated_on,
        warnings=doubts(problem, scale, found, ends, covariance, factor, forward_error),
        profiles={name: Profile(lines[:, :, i], found.distance[:, i]) for i, name in enumerate(scale.sought)},
        members={name: values_of_members[:, :, i] for i, name in enumerate(scale.sought)},
        observed=np.asarray(observation.target, np.float64),
        fitted=observation.target + found.residual * std[list(observation.channels)],
    )


def _as_wide_as(
    ends: Float[np.ndarray, "trajectory sought end"],
    covariance: Float[np.ndarray, "trajectory sought sought"],
    level: float,
) -> Float[np.ndarray, "trajectory sought sought"]:
    """Scale a covariance so that the intervals of its normal distribution are as wide as those of the profiles."""
    half = (ends[..., 1] - ends[..., 0]) / 2 / norm.ppf(0.5 + level / 2)
    deviation = np.sqrt(np.maximum(np.einsum("bii->bi", covariance), 1e-300))
    ratio = half / deviation
    return covariance * ratio[:, :, None] * ratio[:, None, :]
