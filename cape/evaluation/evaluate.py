"""Generalisation evaluation: the error of a rollout over the PDE parameters, seen in training or not.

Any one-step map will do: a surrogate's `.at`, a numerical scheme, an exact solution. Every sample is rolled
out from its first frame alone (or as many as a step takes) and compared with the truth frame by frame (formulas in
cape/evaluation/metrics.py); persistence, the last given frame repeated, stands beside it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.datasets.splits import kind_of
from cape.datasets.trajectories import Trajectories
from cape.evaluation import metrics
from cape.rollout import Step
from cape.window import ONE_FRAME, Window

KINDS = ("seen", "interpolated", "extrapolated")
FIGURES = ("RMSE", "nRMSE", "nRMSE_median", "VRMSE", "conserved_RMSE", "max_error", "boundary_RMSE")
FIGURES += ("Fourier_low", "Fourier_mid", "Fourier_high", "persistence_RMSE", "persistence_nRMSE")
BINS = 10  # per parameter, where values are continuous


@dataclass(frozen=True, eq=False)
class Row:
    """Errors at one parameter value (or one bin of continuous values, named by their median).

    Attributes:
        parameters: value by name, in the units of the data.
        kind: "seen", "interpolated" or "extrapolated", with regard to the values trained on.
        samples: how many trajectories; diverged: how many of them left the range of numbers (errors are inf).
        values: the names in FIGURES -> mean over frames and channels; the median is over samples.
        over_time: the same names but the median -> [time], mean over channels.
        channels: channel name -> figure -> mean over frames; empty where there is one channel.
    """

    parameters: dict[str, float]
    kind: str
    samples: int
    diverged: int
    values: dict[str, float]
    over_time: dict[str, Float[np.ndarray, " time"]]
    channels: dict[str, dict[str, float]]


@dataclass(frozen=True, eq=False)
class Example:
    """Truth and prediction of one sample, [time, *space, channel], the `given` first frames included in both."""

    parameters: dict[str, float]
    kind: str
    truth: Float[np.ndarray, "time *space channel"]
    prediction: Float[np.ndarray, "time *space channel"]
    times: Float[np.ndarray, " time"]
    coordinates: tuple[Float[np.ndarray, " n"], ...]
    channel_names: tuple[str, ...]
    given: int = 1

    @property
    def caption(self) -> str:
        """Parameter values and kind as text: "M = 1, eta = 0.01 (seen)"."""
        value = ", ".join(f"{name} = {number:.4g}" for name, number in self.parameters.items())
        return f"{value} ({self.kind})"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Rows sorted by parameter value, times of the predicted frames, one example per row (or none)."""

    rows: tuple[Row, ...]
    times: Float[np.ndarray, " time"]
    training_values: Float[np.ndarray, "value parameter"]
    examples: tuple[Example, ...] = ()

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(self.rows[0].parameters)

    @property
    def summary(self) -> dict[str, dict]:
        """Mean of every figure over the parameter values of each kind, and the worst value by nRMSE.

        "unseen" is interpolated and extrapolated together.
        """
        kinds = {kind: [row for row in self.rows if row.kind == kind] for kind in KINDS}
        kinds["unseen"] = kinds["interpolated"] + kinds["extrapolated"]
        return {kind: _summarise(rows) for kind, rows in kinds.items() if rows}


def evaluate(
    step_at: Callable[[Float[Array, "batch parameter"]], Step],
    trajectories: Trajectories,
    training_values: Float[np.ndarray, "value parameter"],
    *,
    batch: int = 50,
    steps: int | None = None,
    examples: bool = True,
    window: Window = ONE_FRAME,
) -> Evaluation:
    """Roll out every sample from its first frame and measure the errors per parameter value.

    Args:
        step_at: parameters -> one-step map u -> u_next; traced once for all values.
        trajectories: truth; its first frame (of a `window`: its first ones) is the input, the next `steps` (default:
            all) are compared.
        training_values: the parameter vectors trained on, in the order of `trajectories.parameter_names`.
        batch: samples rolled out together; the last batch of a value is padded.
        examples: keep truth and prediction of the first sample of every value, for figures.
        window: how many frames a step takes and gives; the map of several is one from state to state.

    Raises:
        ValueError: no samples, more steps than the data have, or training values of another length.
    """
    given = window.history
    most = window.predicted(trajectories.frames, trajectories.source)
    steps = most if steps is None else steps
    training_values = np.asarray(training_values, np.float64)
    _check(trajectories, training_values, steps, most, batch)
    trajectories = trajectories.first_frames(steps + given)
    groups = list(group_by_value(trajectories.parameters, training_values))
    batch = min(batch, max(len(samples) for _, _, samples in groups))

    @jax.jit
    def compare(parameters, frames):
        start, target = frames[:, :given], frames[:, given:]
        prediction = window.rollout(step_at(parameters), start, steps)
        persistence = jnp.broadcast_to(start[:, -1:], target.shape)
        still = {"rmse": metrics.sample_rmse, "nrmse": metrics.sample_nrmse}
        still = {name: metric(persistence, target) for name, metric in still.items()}
        return prediction, _measure(prediction, target), still

    rows, kept = [], []
    for value, kind, samples in groups:
        named = dict(zip(trajectories.parameter_names, value.tolist(), strict=True))
        parts = []
        for parameters, frames, count in _batches(trajectories, samples, batch):
            prediction, *errors = compare(jnp.asarray(parameters), jnp.asarray(frames))
            if examples and not parts:
                kept.append(_example(named, kind, frames[0], np.asarray(prediction[0]), trajectories))
            parts.append(_first(errors, count))
        model, persistence = jax.tree.map(lambda *x: np.concatenate(x), *parts)
        rows.append(_row(named, kind, model, persistence, trajectories.channel_names))
    return Evaluation(tuple(rows), trajectories.times[given:], training_values, tuple(kept))


def group_by_value(
    parameters: Float[np.ndarray, "sample parameter"], training_values: Float[np.ndarray, "value parameter"]
) -> Iterator[tuple[Float[np.ndarray, " parameter"], str, np.ndarray]]:
    """Yield (value, kind, sample numbers) per distinct parameter vector, sorted by value.

    Continuous parameters (many vectors with hardly a sample each) are binned, at most BINS per parameter,
    equally wide in the logarithm where all values are positive; a bin never mixes kinds, and is named by the
    median of its samples.
    """
    # In float32, so that 0.1 stored as float32 in one file and as float64 in another is one value.
    distinct, inverse = np.unique(parameters.astype(np.float32), axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    kinds = np.array([kind_of(value, training_values) for value in distinct])[inverse]
    if len(distinct) > 2 * BINS and len(parameters) < 4 * len(distinct):
        bins = np.stack([_bins(column) for column in parameters.T], axis=1)
        keys = np.concatenate([bins, np.array([KINDS.index(k) for k in kinds])[:, None]], axis=1)
        inverse = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    groups = [np.flatnonzero(inverse == number) for number in range(inverse.max() + 1)]
    named = [(np.median(parameters[samples], axis=0), str(kinds[samples[0]]), samples) for samples in groups]
    yield from sorted(named, key=lambda entry: tuple(entry[0]))


def _batches(
    data: Trajectories, samples: np.ndarray, batch: int
) -> Iterator[
    tuple[Float[np.ndarray, "batch parameter"], Float[np.ndarray, "batch time *space channel"], int]
]:
    """Yield (parameters, frames, count); the last batch repeats samples: one shape is compiled."""
    for start in range(0, len(samples), batch):
        chosen = samples[start : start + batch]
        filled = np.resize(np.arange(len(chosen)), batch)
        yield data.parameters[chosen][filled].astype(np.float32), data.read(chosen)[filled], len(chosen)


def _first(errors, count: int):
    return jax.tree.map(lambda error: np.asarray(error)[:count], errors)


def _bins(column: np.ndarray) -> np.ndarray:
    values = np.unique(column)
    if len(values) <= BINS:
        return np.searchsorted(values, column)
    x = np.log(column) if (column > 0).all() else column
    return np.digitize(x, np.linspace(x.min(), x.max(), BINS + 1)[1:-1])


def _measure(prediction: Array, target: Array) -> metrics.SampleErrors:
    """Errors of each sample; where a prediction is not finite any more, they are inf and never NaN."""
    errors = metrics.sample_errors(prediction, target)
    gone = ~jnp.isfinite(errors.rmse)

    def mark(error):
        mask = gone if error.ndim == gone.ndim else gone[:, :, None, :]
        return jnp.where(jnp.isnan(error) & mask, jnp.asarray(jnp.inf, error.dtype), error)

    return jax.tree.map(mark, errors)


def _row(
    parameters: dict[str, float],
    kind: str,
    model: metrics.SampleErrors,
    persistence: dict[str, np.ndarray],
    channel_names: tuple[str, ...],
) -> Row:
    ours = metrics.summarise(model)
    frames = {"RMSE": ours.rmse, "nRMSE": ours.nrmse, "VRMSE": ours.vrmse}
    frames |= {"conserved_RMSE": ours.conserved_rmse, "max_error": ours.max_error}
    frames |= {"boundary_RMSE": ours.boundary_rmse}
    frames |= {f"Fourier_{band}": ours.fourier_rmse[:, i] for i, band in enumerate(metrics.BANDS)}
    frames |= {f"persistence_{name}": persistence[name.lower()].mean(axis=0) for name in ("RMSE", "nRMSE")}
    frames = {name: np.asarray(figure, np.float64) for name, figure in frames.items()}  # [time, channel]

    values = {name: float(figure.mean()) for name, figure in frames.items()}
    values["nRMSE_median"] = float(np.median(model.nrmse.mean(axis=(1, 2))))
    channels = {}
    if len(channel_names) > 1:
        for i, channel in enumerate(channel_names):
            channels[channel] = {name: float(figure[:, i].mean()) for name, figure in frames.items()}
            channels[channel]["nRMSE_median"] = float(np.median(model.nrmse[:, :, i].mean(axis=1)))
    return Row(
        parameters=parameters,
        kind=kind,
        samples=len(model.rmse),
        diverged=int((~np.isfinite(model.rmse)).any(axis=(1, 2)).sum()),
        values={name: values[name] for name in FIGURES},
        over_time={name: figure.mean(axis=1) for name, figure in frames.items()},
        channels=channels,
    )


def _example(
    parameters: dict[str, float], kind: str, truth: np.ndarray, prediction: np.ndarray, data: Trajectories
) -> Example:
    given = len(truth) - len(prediction)
    prediction = np.concatenate([truth[:given], prediction])
    names = data.channel_names
    return Example(parameters, kind, truth, prediction, data.times, data.coordinates, names, given)


def _summarise(rows: list[Row]) -> dict:
    worst = max(rows, key=lambda row: np.nan_to_num(row.values["nRMSE"], posinf=np.inf))
    return {
        "values": len(rows),
        "samples": sum(row.samples for row in rows),
        "diverged": sum(row.diverged for row in rows),
        **{name: float(np.mean([row.values[name] for row in rows])) for name in FIGURES},
        "channels": {
            channel: {name: float(np.mean([row.channels[channel][name] for row in rows])) for name in FIGURES}
            for channel in rows[0].channels
        },
        "worst_nRMSE": worst.values["nRMSE"],
        "worst_parameters": worst.parameters,
    }


def _check(data: Trajectories, training_values: np.ndarray, steps: int, most: int, batch: int) -> None:
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
