"""Calibration: how wide intervals must be, measured on trajectories with known parameters."""

import dataclasses
import math

import numpy as np
from jaxtyping import Float

from cape.datasets.trajectories import Trajectories
from cape.parameter_inference.fit import Fit, fit
from cape.parameter_inference.members import member_misfits
from cape.parameter_inference.misfit import Misfit
from cape.parameter_inference.observation import Observation, Selection
from cape.parameter_inference.scale import ParameterScale
from cape.surrogate import Surrogate


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """How far the true parameters of calibration trajectories lie from their estimates.

    Attributes:
        scores: in standard deviations of the uncalibrated fit.
    """

    scores: Float[np.ndarray, "trajectory sought"]

    def factor(self, level: float) -> Float[np.ndarray, "sought"]:
        """Return how many standard deviations an interval of this probability must reach on each side.

        This is split-conformal prediction: if the observation is like the calibration trajectories, its interval holds
        the true value with a probability of at least `level`, averaged over calibrations and observations.

        Raises:
            ValueError: there are too few trajectories for this level.
        """
        count = len(self.scores)
        rank = math.ceil((count + 1) * level)
        if rank > count:
            needed = math.ceil(level / (1 - level))
            raise ValueError(
                f"calibration: intervals of {100 * level:g} % need at least {needed} trajectories inside "
                f"the bounds, got {count}"
            )
        return np.sort(self.scores, axis=0)[rank - 1]


def calibrate(
    surrogate: Surrogate,
    scale: ParameterScale,
    trajectories: Trajectories,
    selection: Selection,
    observation: Observation,
    observed: Fit,
    given_noise: Float[np.ndarray, " channel"] | None,
    starts: int,
    seed: int,
) -> Calibration:
    """Infer the known parameters of trajectories as those of an observation, and compare.

    The trajectories get the same number of frames as the observation, the same selection and the same noise: the level
    that was given, or else the median ratio of noise and field of the observation.

    Args:
        surrogate: whose error is measured.
        scale: the sought parameters; trajectories outside the bounds are left out.
        trajectories: with known parameters, not used for training.
        selection: frames, points and channels that are compared.
        observation: the observation whose intervals are calibrated.
        observed: its fit.
        given_noise: standard deviation of each channel over that of the channel, or None if it is estimated.
        starts: see `minimise`.
        seed: of the noise.

    Raises:
        ValueError: the trajectories do not fit the surrogate, have fewer frames than the observation, have other values
            of known parameters, or none lies inside the bounds.
    """
    problem = surrogate.problem
    problem.check_trajectories(trajectories)
    columns = [problem.parameters.index(name) for name in scale.sought]
    true = scale.positions(np.asarray(trajectories.parameters[:, columns], np.float64))
    inside = ((true >= -1e-9) & (true <= 1 + 1e-9)).all(1)
    if not inside.any():
        raise ValueError(
            f"calibration: {trajectories.source}: expected parameters inside the bounds "
            f"{dict(zip(scale.sought, zip(scale.low, scale.high, strict=True), strict=True))}, got none"
        )
    trajectories, true = trajectories.select(inside), true[inside]
    clean = selection.of(problem, surrogate.window, trajectories)
    if clean.steps < observation.steps:
        raise ValueError(
            f"calibration: {trajectories.source}: expected at least as many frames as are observed (to frame "
            f"{observation.steps}), got {clean.steps}"
        )
    shorter = [i for i, frame in enumerate(clean.frames) if frame in observation.frames]
    clean = dataclasses.replace(
        clean, target=clean.target[:, shorter], steps=observation.steps, frames=observation.frames
    )
    noisy = _with_noise(clean, surrogate, _noise_ratio(observation, observed, surrogate), given_noise, seed)
    members = member_misfits(surrogate, scale, noisy)
    found = fit(Misfit(surrogate, scale, noisy), given_noise, starts, members)
    return Calibration(found.distance_of(np.clip(true, 0.0, 1.0)))


def _noise_ratio(
    observation: Observation, observed: Fit, surrogate: Surrogate
) -> Float[np.ndarray, " channel"]:
    """Return the median ratio of the noise to the standard deviation of the first frames, for each channel."""
    axes = tuple(range(1, observation.first.ndim - 1))
    deviation = observation.first.std(axes) / np.asarray(surrogate.problem.channel_std)
    return np.median(observed.noise / np.maximum(deviation, 1e-12), 0)


def _with_noise(
    clean: Observation,
    surrogate: Surrogate,
    ratio: Float[np.ndarray, " channel"],
    given: Float[np.ndarray, " channel"] | None,
    seed: int,
) -> Observation:
    """Add white noise to the first frames (unless they are exact) and to the compared ones."""
    draw = np.random.default_rng(seed)
    std = np.asarray(surrogate.problem.channel_std)
    axes = tuple(range(1, clean.first.ndim - 1))
    level = clean.first.std(axes, keepdims=True) * ratio if given is None else given * std
    level = np.broadcast_to(level, (len(clean.first), *(1,) * len(axes), len(std)))
    first = clean.first + level * draw.normal(size=clean.first.shape)
    target = clean.target + level[..., list(clean.channels)] * draw.normal(size=clean.target.shape)
    return dataclasses.replace(
        clean,
        first=clean.first if clean.exact_start else first.astype(np.float32),
        target=target.astype(np.float32),
    )
