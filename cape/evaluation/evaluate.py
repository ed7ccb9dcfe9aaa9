"""Generalisation evaluation: the error of a rollout at each value of the PDE parameters, seen in training or not.

Any one-step map can be evaluated: a surrogate's `.at`, a numerical scheme, an exact solution. Every sample is rolled
out from its first frame (or from as many frames as a step takes) and compared with the truth frame by frame. The
formulas are in cape/evaluation/metrics.py. Persistence, the last given frame repeated, is measured for comparison.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cape.datasets.trajectories import Trajectories
from cape.evaluation.batches import MOST_SAMPLES, batches, samples_at_once
from cape.evaluation.evaluation import Evaluation, Example, Row
from cape.evaluation.flow import Flow, flow_of
from cape.evaluation.flow_quantities import FlowBox
from cape.evaluation.grouping import group_by_value
from cape.evaluation.metric import METRICS, SampleErrors, error_names
from cape.evaluation.metrics import rmse
from cape.rollout import Step
from cape.window import ONE_FRAME, Window

StepAt = Callable[[Float[Array, "batch parameter"]], Step]
Errors = Mapping[str, SampleErrors]


def evaluate(
    step_at: StepAt,
    trajectories: Trajectories,
    training_values: Float[np.ndarray, "value parameter"],
    *,
    batch: int = MOST_SAMPLES,
    steps: int | None = None,
    examples: bool = True,
    window: Window = ONE_FRAME,
) -> Evaluation:
    """Roll out every sample from its first frame and measure the errors at each parameter value.

    Args:
        step_at: parameters -> one-step map u -> u_next; traced once for all values.
        trajectories: the truth. Its first frame (or the first `window.history` ones) is the input, the next `steps`
            frames are compared.
        training_values: the parameter vectors trained on, in the order of `trajectories.parameter_names`.
        batch: largest number of samples rolled out together. Large samples are fewer (see
            `cape.evaluation.batches`); the last batch of a value is padded.
        steps: number of predicted frames; default: all that the trajectories have.
        examples: keep truth and prediction of the first sample of every value, for figures.
        window: number of frames a step takes and gives. If it takes several, the map is one from state to state.

    Raises:
        ValueError: no samples, more steps than the data have, training values of another length, or a metric whose
            function returns a wrong shape.
    """
    training_values = np.asarray(training_values, np.float64)
    most = window.predicted(trajectories.frames, trajectories.source)
    steps = most if steps is None else steps
    _check(trajectories, training_values, steps, most, batch)
    trajectories = trajectories.first_frames(steps + window.history)
    groups = list(group_by_value(trajectories.parameters, training_values))
    at_once = min(samples_at_once(trajectories, batch), max(len(samples) for _, _, samples in groups))
    compare = _comparison(step_at, window, steps)

    box = FlowBox(
        trajectories.channel_names, trajectories.lengths, set(trajectories.boundaries) == {"periodic"}
    )

    rows, kept, flows = [], [], []
    for value, kind, samples in groups:
        named = dict(zip(trajectories.parameter_names, value.tolist(), strict=True))
        parts: list[list] = []  # of each batch: errors, and which samples diverged
        of_batches: list[tuple[Flow, int]] = []
        for numbers, frames, count in batches(trajectories, samples, at_once):
            parameters = trajectories.parameters[numbers].astype(np.float32)
            prediction, *found = compare(jnp.asarray(parameters), jnp.asarray(frames))
            if examples and not parts:
                kept.append(_example(named, kind, frames[0], np.asarray(prediction[0]), trajectories))
            if box.is_flow:
                u = np.asarray(prediction[:count])
                of_batches.append((flow_of(box, frames[:count, window.history :], u), count))
            parts.append(jax.tree.map(lambda of_sample, n=count: np.asarray(of_sample)[:n], found))
        errors, diverged = jax.tree.map(lambda *x: np.concatenate(x), *parts)
        rows.append(_row(named, kind, errors, diverged, trajectories.channel_names))
        if of_batches:
            flows.append(Flow.of_batches(*zip(*of_batches, strict=True)))
    times = trajectories.times[window.history :]
    return Evaluation(tuple(rows), times, training_values, tuple(kept), tuple(flows))


def _comparison(step_at: StepAt, window: Window, steps: int) -> Callable:
    """Return a compiled function (parameters, frames) -> prediction, errors of each sample, which samples diverged."""
    metrics = tuple(METRICS.parts.values())

    @jax.jit
    def compare(
        parameters: Float[Array, "batch parameter"], frames: Float[Array, "batch all_frames *space channel"]
    ) -> tuple[Float[Array, "batch steps *space channel"], Errors, Bool[Array, " batch"]]:
        given, target = frames[:, : window.history], frames[:, window.history :]
        prediction = window.rollout(step_at(parameters), given, steps)
        persistence = jnp.broadcast_to(given[:, -1:], target.shape)
        lost = ~jnp.isfinite(rmse(prediction, target))
        errors = {metric.name: _mark(metric.of_samples(prediction, target), lost) for metric in metrics}
        errors |= {
            f"persistence_{metric.name}": metric.of_samples(persistence, target)
            for metric in metrics
            if metric.persistence
        }
        return prediction, errors, lost.any(axis=(1, 2))

    return compare


def _mark(errors: SampleErrors, lost: Bool[Array, "batch time channel"]) -> SampleErrors:
    """Replace NaN by infinity in frames whose prediction is not finite."""
    mask = jnp.expand_dims(lost, tuple(range(3, errors.ndim)))
    return jnp.where(jnp.isnan(errors) & mask, jnp.asarray(jnp.inf, errors.dtype), errors)


def _row(
    parameters: dict[str, float],
    kind: str,
    errors: Mapping[str, Float[np.ndarray, "sample time channel *more"]],
    diverged: Bool[np.ndarray, " sample"],
    channel_names: tuple[str, ...],
) -> Row:
    """Reduce the errors of the samples of one parameter value."""
    curves: dict[str, Float[np.ndarray, "time channel"]] = {}
    values: dict[str, float] = {}
    of_channels: dict[str, Float[np.ndarray, " channel"]] = {}  # of metrics without a curve
    for name in error_names():
        metric = METRICS.find(name.removeprefix("persistence_"))
        if metric.over_time:
            curves[name] = metric.reduce(errors[name])
            values[name] = float(curves[name].mean())
        else:
            of_samples = errors[name].mean(axis=1, keepdims=True, dtype=np.float64)
            values[name] = float(metric.reduce(of_samples.mean(axis=2, keepdims=True))[0, 0])
            of_channels[name] = metric.reduce(of_samples)[0]
    of_channels = {name: curve.mean(axis=0) for name, curve in curves.items()} | of_channels
    named = channel_names if len(channel_names) > 1 else ()
    return Row(
        parameters=parameters,
        kind=kind,
        samples=len(diverged),
        diverged=int(diverged.sum()),
        values=values,
        over_time={name: curve.mean(axis=1) for name, curve in curves.items()},
        channels={
            channel: {name: float(found[i]) for name, found in of_channels.items()}
            for i, channel in enumerate(named)
        },
    )


def _example(
    parameters: dict[str, float], kind: str, truth: np.ndarray, prediction: np.ndarray, data: Trajectories
) -> Example:
    """Put the given frames before the prediction of a sample."""
    given = len(truth) - len(prediction)
    prediction = np.concatenate([truth[:given], prediction])
    return Example(
        parameters, kind, truth, prediction, data.times, data.coordinates, data.channel_names, given
    )


def _check(data: Trajectories, training_values: np.ndarray, steps: int, most: int, batch: int) -> None:
    """Raise ValueError unless the arguments of `evaluate` fit together."""
    if data.samples == 0:
        raise ValueError("no samples to evaluate: expected at least one; loosen the selection or the split")
    if not 1 <= steps <= most:
        raise ValueError(
            f"{data.source}: {steps} steps asked for, but {data.frames} frames allow 1 to {most}; "
            "ask for fewer, or give longer trajectories"
        )
    if training_values.ndim != 2 or training_values.shape[1] != len(data.parameter_names):
        raise ValueError(
            f"expected training values [value, {len(data.parameter_names)}] in the order "
            f"{data.parameter_names}, got {list(training_values.shape)}"
        )
    if batch < 1:
        raise ValueError(f"expected a batch of at least 1, got {batch}")
