"""Calibrate the uncertainty of a surrogate on trajectories it was not trained on."""

import json

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cape.datasets.trajectories import Trajectories
from cape.evaluation.grouping import group_by_value
from cape.evaluation.text_table import Table
from cape.inference.resampling import in_time_steps, on_training_grid
from cape.problem import Problem
from cape.report import new_to
from cape.surrogate import Surrogate
from cape.uncertainty.bands import expected_error, unscaled_distance
from cape.uncertainty.position import features, frame_size, positions
from cape.uncertainty.record import FORMAT, UncertaintyRecord

LEVELS = (0.5, 0.8, 0.9, 0.95)
MOST_TRAJECTORIES = 512  # rolled out and stored; more are thinned
FEWEST_TRAJECTORIES = 20
_SMALLEST_ERROR = 1e-8
_LEAST_SPREAD = 0.05  # of features, which are relative
_BATCH = 32


def calibrate(surrogate: Surrogate, data: Trajectories, *, all_samples: bool = False) -> UncertaintyRecord:
    """Measure the errors of rollouts, and how wide bands must be to hold the truth.

    The error of a frame is divided by the size of the first frame, and by the mean error of trajectories at nearby
    *other* parameter values. So the calibration is one of new values too. The factor of a band is the
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
    steps = surrogate.window.predicted(chosen.frames, data.source)
    deviation = np.abs(_predicted(surrogate, u, parameters, steps) - u[:, history:])
    size = np.asarray(frame_size(problem, jnp.asarray(u[:, history - 1])))
    points = deviation.reshape(len(u), steps, -1, u.shape[-1]) / size[:, None, None]
    x = np.asarray(positions(problem, parameters))
    errors = np.log(np.sqrt((points**2).mean(2)) + _SMALLEST_ERROR)
    scaled = points / _expected(x, errors, groups)[:, :, None]
    content = {
        "format": FORMAT,
        "positions": x.tolist(),
        "errors": errors.tolist(),
        "levels": list(LEVELS),
        "factors": [_factor(scaled, level).tolist() for level in LEVELS],
        "coverage": _coverage(scaled, groups, problem.parameters),
        **_spread(problem, _thinned(everything), history),
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
) -> Float[np.ndarray, "trajectory steps *space channel"]:
    """Roll out all trajectories in batches of one size."""
    history, found = surrogate.window.history, []
    for first in range(0, len(u), _BATCH):
        rows = np.minimum(np.arange(first, first + _BATCH), len(u) - 1)
        given = u[rows, 0] if history == 1 else u[rows, :history]
        found.append(np.asarray(surrogate.rollout(given, parameters[rows], steps)))
    frames = np.concatenate(found)[: len(u)]
    if not np.isfinite(frames).all():
        raise ValueError("a rollout of the calibration data is not finite; leave out these parameter values")
    return frames


def _expected(x, errors, groups) -> Float[np.ndarray, "trajectory time channel"]:
    """Return the errors that are expected from the trajectories at all other parameter values."""
    group = np.empty(len(x), int)
    for number, (_, _, samples) in enumerate(groups):
        group[samples] = number
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
    """Return mean and standard deviation of the features of first frames, and the distance that 5 % of them exceed."""
    last = jnp.asarray(data.first_frames(history).read()[:, -1])
    found = np.asarray(features(problem, last), np.float64)
    centre, spread = found.mean(0), np.maximum(found.std(0), _LEAST_SPREAD)
    parameters = jnp.asarray(data.parameters, jnp.float32)
    arrays = (jnp.asarray(a, jnp.float32) for a in (centre, spread))
    distance = np.asarray(unscaled_distance(problem, last, parameters, *arrays))
    farthest = float(np.quantile(distance, 0.95))
    return {"centre": centre.tolist(), "spread": spread.tolist(), "farthest": max(farthest, _LEAST_SPREAD)}
