"""Bands around rollouts, and how far a rollout is from the calibration data."""

from typing import NamedTuple, Protocol

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cape.problem import Problem
from cape.uncertainty.position import features, frame_size, positions
from cape.uncertainty.predicted_error import predicted_error
from cape.uncertainty.record import UncertaintyRecord
from cape.uncertainty.rollout_features import Roll, describe_rollouts

NEIGHBOURHOOD = 0.1  # of the trained range: how far the errors of calibration trajectories count
_OUTSIDE = 0.1  # of the trained range: a parameter so far outside counts as much as an unusual frame


class UncertainFrames(NamedTuple):
    """What `Surrogate.rollout` returns with `uncertainty=True`.

    Attributes:
        frames: the prediction.
        half_width: the truth lies within this distance at a share `level` of the points, on average over trajectories
            like those of the calibration. It is the same at all points of a frame.
        distance: exceeds 1 if the error of a rollout of the calibrated length is predicted to be large, over three
            times the mean error at trained values, or if the first frame or the parameters are farther from the data
            than anything in the calibration. The band says little about such rollouts.
    """

    frames: Float[Array, "batch steps *space channel"]
    half_width: Float[Array, "batch steps channel"]
    distance: Float[Array, " batch"]


class Calibrated(Protocol):
    """What of a surrogate bands need."""

    problem: Problem
    uncertainty: UncertaintyRecord | None


def with_uncertainty(
    surrogate: Calibrated,
    frames: Float[Array, "batch steps *space channel"],
    roll: Roll,
    given: Float[Array, "batch history *space channel"],
    parameters: Float[Array, "batch parameter"],
    level: float,
) -> UncertainFrames:
    """Add bands and distances to predicted frames.

    Args:
        surrogate: with its calibration.
        frames: the prediction.
        roll: rolls out every member of the surrogate.
        given: the frames that the rollouts start from.
        parameters: of the rollouts.
        level: share of the points inside the bands.

    Raises:
        ValueError: the surrogate is not calibrated, or not at this level or for so many steps.
    """
    record, problem = surrogate.uncertainty, surrogate.problem
    if record is None:
        raise ValueError(
            "uncertainty: the surrogate is not calibrated; run `cape calibrate MODEL --data FILES`, or call "
            "cape.uncertainty.calibrate.calibrate(surrogate, trajectories)"
        )
    last = given[:, -1]
    width = half_widths(record, problem, last, parameters, frames.shape[1], level)
    _, features = describe_rollouts(problem, roll, given, parameters, record.steps)
    error = predicted_error(record, features)
    distance = jnp.maximum(
        error / np.exp(record.array("threshold").item()), distances(record, problem, last, parameters)
    )
    return UncertainFrames(frames, width * error[:, None, None], distance)


def half_widths(
    record: UncertaintyRecord,
    problem: Problem,
    last: Float[Array, "batch *space channel"],
    parameters: Float[Array, "batch parameter"],
    steps: int,
    level: float,
) -> Float[Array, "batch steps channel"]:
    """Return the half widths of bands, over the predicted error of the rollout.

    These are the calibrated factor, times the course of the error at the parameters, times the size of the last frame.

    Raises:
        ValueError: the record has no such level, or fewer steps.
    """
    levels = record.array("levels")
    chosen = np.flatnonzero(np.isclose(levels, level))
    if not len(chosen):
        shown = ", ".join(f"{each:g}" for each in levels)
        raise ValueError(f"level: expected one of the calibrated levels {shown}, got {level}")
    if steps > record.steps:
        raise ValueError(
            f"steps: the uncertainty is calibrated for {record.steps} steps, got {steps}; calibrate it on longer "
            "trajectories"
        )
    factor = jnp.asarray(record.array("factors")[chosen[0], :steps])
    x = positions(problem, parameters)
    known, errors = jnp.asarray(record.array("positions")), jnp.asarray(record.array("errors")[:, :steps])
    size = frame_size(problem, last)
    return factor[None] * expected_error(known, errors, x) * size[:, None]


def expected_error(
    known: Float[Array, "trajectory parameter"],
    errors: Float[Array, "trajectory steps channel"],
    x: Float[Array, "batch parameter"],
    excluded: Bool[Array, "batch trajectory"] | None = None,
) -> Float[Array, "batch steps channel"]:
    """Return the geometric mean of the errors of calibration trajectories, weighed by their nearness to positions.

    `excluded` says which trajectories do not count for which positions.
    """
    squares = ((x[:, None] - known[None]) ** 2).sum(-1)
    squares = squares if excluded is None else jnp.where(excluded, jnp.inf, squares)
    nearness = -(squares - squares.min(1, keepdims=True)) / (2 * NEIGHBOURHOOD**2)
    weights = jnp.exp(nearness)
    weights = weights / weights.sum(1, keepdims=True)
    return jnp.exp(jnp.einsum("bt,tsc->bsc", weights, errors))


def distances(
    record: UncertaintyRecord,
    problem: Problem,
    last: Float[Array, "batch *space channel"],
    parameters: Float[Array, "batch parameter"],
) -> Float[Array, " batch"]:
    """Return how far frames and parameters are from the calibration data, over the largest distance of these.

    The square is the sum of two: the mean square deviation of the frame's features from those of the data, in standard
    deviations; and the square distance of the parameters from the trained range, in tenths of it.
    """
    centre, spread = jnp.asarray(record.array("centre")), jnp.asarray(record.array("spread"))
    return unscaled_distance(problem, last, parameters, centre, spread) / record.array("farthest").item()


def unscaled_distance(
    problem: Problem,
    last: Float[Array, "batch *space channel"],
    parameters: Float[Array, "batch parameter"],
    centre: Float[Array, " feature"],
    spread: Float[Array, " feature"],
) -> Float[Array, " batch"]:
    """Return the distance of `distances`, not divided."""
    deviation = (features(problem, last) - centre[None]) / spread[None]
    of_frame = (deviation**2).mean(-1)
    x = positions(problem, parameters)
    outside = jnp.maximum(jnp.maximum(-x, x - 1), 0.0) / _OUTSIDE
    return jnp.sqrt(of_frame + (outside**2).sum(-1))
