"""Calibrate the uncertainty of a surrogate on trajectories it was not trained on."""

import functools
import json

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float, Int

from cape.datasets.trajectories import Trajectories
from cape.evaluation.grouping import group_by_value
from cape.evaluation.text_table import Table
from cape.inference.resampling import in_time_steps, on_training_grid
from cape.model.compiled_rollout import compiled_member_rollouts
from cape.problem import Problem
from cape.report import new_to
from cape.surrogate import Surrogate
from cape.uncertainty.bands import expected_error, unscaled_distance
from cape.uncertainty.position import features, frame_size, positions
from cape.uncertainty.predicted_error import fit_error_model
from cape.uncertainty.record import FORMAT, UncertaintyRecord
from cape.uncertainty.rollout_features import describe_rollouts

LEVELS = (0.5, 0.8, 0.9, 0.95)
MOST_TRAJECTORIES = 512  # rolled out and stored; more are thinned
FEWEST_TRAJECTORIES = 20
_SMALLEST_ERROR = 1e-8
_LEAST_SPREAD = 0.05  # of features, which are relative
_BATCH = 32
_DIGITS = 4  # of positions and of logarithms of errors in the record


def calibrate(surrogate: Surrogate, data: Trajectories, *, all_samples: bool = False) -> UncertaintyRecord:
    """Measure the errors of rollouts, and how wide bands must be to hold the truth.

    The error of a rollout is predicted from its features (see `describe_rollouts` and `fit_error_model`). The error of
    a frame is divided by the size of the first frame, by the predicted error, and by the mean of the quotient at nearby
    parameter values, all from *other* values. So the calibration is one of new values too. The factor of a band is the
    smallest one at which the share of points outside, with one lost trajectory added, is at most 1 − level (conformal
    risk control). The coverage of each value is measured with factors from the other values only.

    Args:
        surrogate: what to calibrate; the record is kept as `surrogate.uncertainty`.
        data: trajectories with at least two parameter values.
        all_samples: also use initial conditions that were trained or validated on.

    Raises:
        ValueError: the data are of another problem, have fewer than 20 trajectories or one parameter value only, or a
            rollout is not finite.
    """
    problem, history = surrogate.problem, surrogate.window.history
    everything = in_time_steps(problem, on_training_grid(problem, data))
    chosen = _thinned(everything if all_samples else new_to(surrogate, everything))
    if chosen.samples < FEWEST_TRAJECTORIES:
        raise ValueError(
            f"{data.source}: expected at least {FEWEST_TRAJECTORIES} trajectories that were not trained on, got "
            f"{chosen.samples}"
        )
    groups = list(group_by_value(chosen.parameters, problem.training_values))
    if len(groups) < 2:
        raise ValueError(f"{data.source}: expected at least two parameter values to calibrate on, got one")
    u, parameters = chosen.read(), jnp.asarray(chosen.parameters, jnp.float32)
    steps, group = surrogate.window.predicted(chosen.frames, data.source), _numbers(groups, len(u))
    predicted, found = _predicted(surrogate, u, parameters, steps)
    deviation = np.abs(predicted - u[:, history:])
    trained = np.isin(group, [number for number, (_, kind, _) in enumerate(groups) if kind == "seen"])
    model = fit_error_model(found, _relative_errors(deviation, u[:, history:]), group, trained)
    size = np.asarray(frame_size(problem, jnp.asarray(u[:, history - 1])))
    unit = size * np.exp(model.left_out)[:, None]
    points = deviation.reshape(len(u), steps, -1, u.shape[-1]) / unit[:, None, None]
    x = np.asarray(positions(problem, parameters), np.float64)
    errors = np.log(np.sqrt((points**2).mean(2)) + _SMALLEST_ERROR).astype(np.float64)
    scaled = points / _expected(x, errors, group)[:, :, None]
    content = {
        "format": FORMAT,
        "positions": x.round(_DIGITS).tolist(),
        "errors": errors.round(_DIGITS).tolist(),
        "levels": list(LEVELS),
        "factors": [_factor(scaled, level).tolist() for level in LEVELS],
        "coverage": _coverage(scaled, groups, problem.parameters),
        **_spread(problem, _thinned(everything), history),
        **model.content,
    }
    surrogate.uncertainty = UncertaintyRecord(json.dumps(content, allow_nan=False))
    return surrogate.uncertainty


def coverage_table(record: UncertaintyRecord) -> Table:
    """Return the measured coverage of each parameter value as a table."""
    rows = [
        [
            *(f"{value:.4g}" for value in row["parameters"].values()),
            row["kind"],
            str(row["trajectories"]),
            *(f"{100 * share:.1f}" for share in row["coverage"]),
        ]
        for row in record.coverage
    ]
    head = [*record.coverage[0]["parameters"], "kind", "trajectories"]
    head += [f"{100 * level:g} % band" for level in record.content["levels"]]
    return Table(head, rows, title="Points inside the bands (%), calibrated on the other parameter values")


def _predicted(
    surrogate: Surrogate, u: np.ndarray, parameters, steps: int
) -> tuple[Float[np.ndarray, "trajectory steps *space channel"], Float[np.ndarray, "trajectory feature"]]:
    """Roll out all trajectories in batches of one size; also return the features of the rollouts."""
    given, problem = jnp.asarray(u[:, : surrogate.window.history], jnp.float32), surrogate.problem
    resolution, finest = tuple(given.shape[2:-1]), surrogate.config.base.finest_grid
    surrogate.warn_out_of_distribution(parameters, resolution, steps, finest)
    roll = functools.partial(compiled_member_rollouts, *nnx.split(surrogate))
    found = []
    for first in range(0, len(u), _BATCH):
        rows = np.minimum(np.arange(first, first + _BATCH), len(u) - 1)
        found.append(describe_rollouts(problem, roll, given[rows], parameters[rows], steps))
    frames, features = (np.concatenate(each)[: len(u)] for each in zip(*found, strict=True))
    if not np.isfinite(frames).all():
        raise ValueError("a rollout of the calibration data is not finite; leave out these parameter values")
    return frames, features.astype(np.float64)


def _relative_errors(deviation: np.ndarray, truth: np.ndarray) -> Float[np.ndarray, " trajectory"]:
    """Return the relative error of each rollout, as a mean over channels."""
    axes = tuple(range(1, truth.ndim - 1))
    size = np.sqrt((truth.astype(np.float64) ** 2).mean(axes))
    return (np.sqrt((deviation**2).mean(axes)) / np.maximum(size, _SMALLEST_ERROR)).mean(-1) + _SMALLEST_ERROR


def _numbers(groups, count: int) -> Int[np.ndarray, " trajectory"]:
    """Return the number of the parameter value of each trajectory."""
    group = np.empty(count, int)
    for number, (_, _, samples) in enumerate(groups):
        group[samples] = number
    return group


def _expected(x, errors, group) -> Float[np.ndarray, "trajectory time channel"]:
    """Return the errors that are expected from the trajectories at all other parameter values."""
    known, found = jnp.asarray(x, jnp.float32), jnp.asarray(errors, jnp.float32)
    return np.asarray(expected_error(known, found, known, jnp.asarray(group[:, None] == group[None])))


def _factor(scaled, level: float) -> Float[np.ndarray, "time channel"]:
    """Return the smallest factor at which the share of points outside is at most 1 − level, by risk control."""
    count = len(scaled)
    outside = ((1 - level) * (count + 1) - 1) / count
    pooled = np.moveaxis(scaled, 0, 1).reshape(scaled.shape[1], -1, scaled.shape[-1])
    return np.quantile(pooled, min(max(1 - outside, 0.0), 1.0), axis=1, method="higher")


def _coverage(scaled, groups, names: tuple[str, ...]) -> list[dict]:
    """Measure the share of points inside the bands at each parameter value, with factors from the other values."""
    rows = []
    for value, kind, samples in groups:
        others = np.delete(scaled, samples, axis=0)
        shares = [
            float((scaled[samples] <= _factor(others, level)[None, :, None]).mean()) for level in LEVELS
        ]
        named = dict(zip(names, map(float, value), strict=True))
        rows.append({"parameters": named, "kind": kind, "trajectories": len(samples), "coverage": shares})
    return rows


def _thinned(data: Trajectories) -> Trajectories:
    """Take MOST_TRAJECTORIES evenly spaced samples of more."""
    return data.select(np.linspace(0, data.samples - 1, min(data.samples, MOST_TRAJECTORIES)).astype(int))


def _spread(problem: Problem, data: Trajectories, history: int) -> dict:
    """Return mean and standard deviation of the features of first frames, and the largest distance of them."""
    last = jnp.asarray(data.first_frames(history).read()[:, -1])
    found = np.asarray(features(problem, last), np.float64)
    centre, spread = found.mean(0), np.maximum(found.std(0), _LEAST_SPREAD)
    parameters = jnp.asarray(data.parameters, jnp.float32)
    arrays = (jnp.asarray(a, jnp.float32) for a in (centre, spread))
    distance = np.asarray(unscaled_distance(problem, last, parameters, *arrays))
    farthest = float(distance.max())
    return {"centre": centre.tolist(), "spread": spread.tolist(), "farthest": max(farthest, _LEAST_SPREAD)}
