"""The error of a rollout predicted from its features, by a linear model that a calibration fits."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cape.uncertainty.record import UncertaintyRecord

LARGE = 3.0  # times the mean error at trained values: what a large error is
_PENALTIES = np.logspace(-1, 3, 9)
_LEAST_SPREAD = 0.05  # of a feature
_UNUSUAL = 5.0  # standard deviations: features count as no more unusual than that
_BEYOND = 3.0  # logarithm: how far beyond the errors of the calibration a prediction may be
_FALSE_ALARMS = 0.08  # of the calibration trajectories without a large error
_NINE_OF_TEN = 1.28  # quantile of the normal distribution


class ErrorModel(NamedTuple):
    """A linear model of the logarithm of the error.

    Attributes:
        content: its arrays for the record, see `UncertaintyRecord.array`.
        left_out: the prediction of each trajectory by a model that was fitted at the other parameter values.
    """

    content: dict[str, Any]
    left_out: Float[np.ndarray, " trajectory"]


def fit_error_model(
    features: Float[np.ndarray, "trajectory feature"],
    errors: Float[np.ndarray, " trajectory"],
    group: Int[np.ndarray, " trajectory"],
    trained: np.ndarray,
) -> ErrorModel:
    """Fit log error = weights · features by ridge regression.

    The penalty is the one with the smallest square error at parameter values that were left out in turn. The threshold
    is the predicted error above which a rollout is flagged. If errors scatter around their prediction as they do at
    values left out, it flags nine of ten rollouts with a large error. It is higher if it would flag more than 8 % of
    the other calibration trajectories.

    Args:
        features: of the rollouts, see `describe_rollouts`.
        errors: relative errors of the rollouts.
        group: number of the parameter value of each trajectory.
        trained: which trajectories are at trained values; if none is, all count as such.
    """
    target = np.log(errors)
    centre, spread = features.mean(0), np.maximum(features.std(0), _LEAST_SPREAD)
    x = _standard(features, centre, spread, np)
    best, left_out = _PENALTIES[0], np.full(len(x), np.inf)
    for penalty in _PENALTIES:
        found = np.empty(len(x))
        for number in np.unique(group):
            others = group != number
            found[~others] = x[~others] @ _ridge(x[others], target[others], penalty)
        if ((found - target) ** 2).sum() < ((left_out - target) ** 2).sum():
            best, left_out = penalty, found
    lowest, highest = float(target.min() - _BEYOND), float(target.max() + _BEYOND)
    left_out = np.clip(left_out, lowest, highest)
    content = {
        "feature_centre": centre.tolist(),
        "feature_spread": spread.tolist(),
        "weights": _ridge(x, target, best).tolist(),
        "bounds": [lowest, highest],
        "threshold": _threshold(left_out, target, trained if trained.any() else ~trained),
    }
    return ErrorModel(content, left_out)


def predicted_error(
    record: UncertaintyRecord, features: Float[Array, "batch feature"]
) -> Float[Array, " batch"]:
    """Return the predicted relative error of rollouts."""
    centre, spread, weights, bounds = (
        jnp.asarray(record.array(name)) for name in ("feature_centre", "feature_spread", "weights", "bounds")
    )
    return jnp.exp(jnp.clip(_standard(features, centre, spread, jnp) @ weights, bounds[0], bounds[1]))


def _threshold(predicted, target, trained) -> float:
    """Return the logarithm of the predicted error from which a rollout is flagged."""
    large = np.log(LARGE * np.exp(target[trained]).mean())
    most = large - _NINE_OF_TEN * np.sqrt(((predicted - target) ** 2).mean())
    usual = predicted[target <= large]
    return float(max(most, np.quantile(usual, 1 - _FALSE_ALARMS)))


def _standard(features: Any, centre: Any, spread: Any, library: Any) -> Any:
    """Return features in standard deviations, and a column of ones."""
    x = library.clip((features - centre[None]) / spread[None], -_UNUSUAL, _UNUSUAL)
    return library.concatenate([x, library.ones_like(x[:, :1])], -1)


def _ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Solve the regression with a penalty on all weights but the last, that of the ones."""
    penalties = np.full(x.shape[1], penalty)
    penalties[-1] = 0.0
    return np.linalg.solve(x.T @ x + np.diag(penalties), x.T @ y)
