"""Parameter use: whether a one-step map depends on the PDE parameters, by rollouts with wrong ones.

The nRMSE of the same rollouts is measured

    right           with the parameters of the samples
    shuffled        with the parameters of another value; every value gets another one
    mean            with the mean of the trained values (see `mean_of`)
    shuffled NAME   with another value of one parameter, if several vary

The ratio of a control is its error over the error with the right parameters, both as means over the parameter values.
A map that ignores its parameters has ratio 1. So has every map if the solutions do not depend on the parameters.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.datasets.trajectories import Trajectories
from cape.evaluation.batches import batches, samples_at_once
from cape.evaluation.evaluate import StepAt
from cape.evaluation.grouping import group_by_value
from cape.evaluation.metrics import nrmse
from cape.evaluation.wrong_parameters import mean_of, shuffled, shuffled_in
from cape.surrogate import Surrogate
from cape.window import ONE_FRAME, Window

OBEYS_FROM = 1.2  # smallest ratio with shuffled values of a parameter that the map obeys
RIGHT, SHUFFLED, MEAN = "right", "shuffled", "mean"
_VALUES, _SAMPLES = 8, 4  # of the quick measurement: parameter values, and samples of each

OfSamples = Float[np.ndarray, "sample parameter"]


class ParametersIgnored(UserWarning):
    """A surrogate that takes parameters hardly depends on one of them."""


@dataclass(frozen=True)
class ParameterUse:
    """Errors with right and with wrong parameters.

    Attributes:
        varying: names of the parameters with several values in the data.
        rows: for each parameter value: "parameters", "kind", "samples", and the nRMSE by control.
    """

    varying: tuple[str, ...]
    rows: tuple[dict, ...]

    @property
    def errors(self) -> dict[str, float]:
        """The mean nRMSE over the parameter values, by control."""
        controls = [name for name in self.rows[0] if name not in ("parameters", "kind", "samples")]
        return {name: float(np.mean([row[name] for row in self.rows])) for name in controls}

    @property
    def ratios(self) -> dict[str, float]:
        """The error of each control over that with the right parameters; nothing if the latter is not finite."""
        errors = self.errors
        right = errors.pop(RIGHT)
        if not np.isfinite(right):
            return {}
        return {name: error / max(right, np.finfo(float).tiny) for name, error in errors.items()}

    @property
    def ratio_of_parameters(self) -> dict[str, float]:
        """The ratio with shuffled values of each varying parameter."""
        ratios = self.ratios
        return {name: ratios.get(f"{SHUFFLED} {name}", ratios[SHUFFLED]) for name in self.varying if ratios}

    @property
    def obeys(self) -> bool | None:
        """Whether the map obeys every varying parameter; None if the data or the rollouts do not show it."""
        ratios = self.ratio_of_parameters.values()
        return all(ratio >= OBEYS_FROM for ratio in ratios) if ratios else None

    @property
    def verdict(self) -> str:
        """One sentence: which parameters the model obeys."""
        if not self.varying:
            return "The data have one parameter value, which does not show whether the model uses parameters"
        ratios = self.ratio_of_parameters
        if not ratios:
            return "The rollouts with the right parameters are not finite, so their use cannot be judged"
        obeyed = [name for name, ratio in ratios.items() if ratio >= OBEYS_FROM]
        ignored = [name for name in ratios if name not in obeyed]
        said = [("obeys", obeyed), ("hardly depends on", ignored)]
        finding = " but ".join(f"{verb} {_listed(names)}" for verb, names in said if names)
        if len(ratios) == 1:
            return f"The model {finding}: shuffled parameters raise the error {_fold(*ratios.values())}"
        folds = ", ".join(f"{_fold(ratio)} ({name})" for name, ratio in ratios.items())
        return f"The model {finding}: shuffled values raise the error {folds}"


def measure_parameter_use(
    step_at: StepAt,
    trajectories: Trajectories,
    training_values: Float[np.ndarray, "value parameter"],
    *,
    window: Window = ONE_FRAME,
    with_mean: bool = True,
) -> ParameterUse:
    """Roll out all samples with right and with wrong parameters.

    Args:
        step_at, trajectories, training_values, window: as in `cape.evaluation.evaluate.evaluate`.
        with_mean: also measure the control "mean".
    """
    parameters = trajectories.parameters
    names = trajectories.parameter_names
    varying = [i for i, column in enumerate(parameters.T) if len(np.unique(column.astype(np.float32))) > 1]
    given = {RIGHT: parameters}
    if varying:
        distinct, inverse = np.unique(parameters.astype(np.float32), axis=0, return_inverse=True)
        inverse = inverse.reshape(-1)
        given[SHUFFLED] = shuffled(distinct)[inverse]
        if with_mean:
            given[MEAN] = np.broadcast_to(mean_of(training_values), parameters.shape)
        if len(varying) > 1:
            given |= {f"{SHUFFLED} {names[i]}": shuffled_in(i, distinct)[inverse] for i in varying}
    errors = sample_errors(step_at, trajectories, given, window=window)
    rows = [
        {
            "parameters": dict(zip(names, value.tolist(), strict=True)),
            "kind": kind,
            "samples": len(samples),
            **{name: float(of_samples[samples].mean()) for name, of_samples in errors.items()},
        }
        for value, kind, samples in group_by_value(parameters, training_values)
    ]
    return ParameterUse(tuple(names[i] for i in varying), tuple(rows))


def sample_errors(
    step_at: StepAt, trajectories: Trajectories, given: Mapping[str, OfSamples], *, window: Window = ONE_FRAME
) -> dict[str, Float[np.ndarray, " sample"]]:
    """Measure the nRMSE of each sample, as a mean over time and channels, with each of the given parameters.

    A rollout that is not finite has an infinite error. The fields are read once, in batches bounded by bytes.
    """
    steps = window.predicted(trajectories.frames, trajectories.source)

    @jax.jit
    def errors(
        parameters: Float[Array, "batch parameter"], frames: Float[Array, "batch time *space channel"]
    ) -> Float[Array, " batch"]:
        given, target = frames[:, : window.history], frames[:, window.history :]
        found = nrmse(window.rollout(step_at(parameters), given, steps), target).mean((1, 2))
        return jnp.where(jnp.isnan(found), jnp.asarray(jnp.inf, found.dtype), found)

    found: dict[str, list] = {name: [] for name in given}
    at_once = min(samples_at_once(trajectories), trajectories.samples)
    for batch in batches(trajectories, np.arange(trajectories.samples), at_once):
        for name, parameters in given.items():
            of_batch = jnp.asarray(parameters[batch.samples], jnp.float32)
            found[name].append(np.asarray(errors(of_batch, jnp.asarray(batch.frames)))[: batch.distinct])
    return {name: np.concatenate(parts).astype(np.float64) for name, parts in found.items()}


def warn_of_ignored_parameters(surrogate: Surrogate, trajectories: Trajectories) -> None:
    """Warn if a surrogate hardly depends on its parameters, by rollouts of a few samples with shuffled ones.

    Surrogates whose conditioning takes no parameters, and data with one parameter value, are not measured.

    Warns:
        ParametersIgnored: the verdict, in one line.
    """
    some, training_values = few_samples(trajectories), surrogate.problem.training_values
    if not surrogate.config.conditioning.uses_parameters or len(np.unique(some.parameters, axis=0)) < 2:
        return
    use = measure_parameter_use(surrogate.at, some, training_values, window=surrogate.window, with_mean=False)
    if use.obeys is False:
        warnings.warn(f"{use.verdict} (`cape check` says more)", ParametersIgnored, stacklevel=3)


def few_samples(trajectories: Trajectories) -> Trajectories:
    """Select the first samples of a few parameter values that are spread over all of them."""
    distinct, inverse = np.unique(trajectories.parameters, axis=0, return_inverse=True)
    chosen = np.unique(np.linspace(0, len(distinct) - 1, _VALUES).round().astype(int))
    samples = [np.flatnonzero(inverse.reshape(-1) == number)[:_SAMPLES] for number in chosen]
    return trajectories.select(np.concatenate(samples))


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _fold(ratio: float) -> str:
    return f"{ratio:.3g}-fold"
