"""Metrics: what one is, and the registry of all that `evaluate` measures.

A metric of yours is registered with one call. From then on every evaluation measures it, and it appears in
evaluation.json, evaluation.csv, the printed table and the figures:

    from cape.evaluation.metric import METRICS, Metric

    def energy_error(prediction, target):  # [batch, time, x, y, channel] -> [batch, time, channel]
        return jnp.abs(jnp.mean(prediction**2 - target**2, axis=(2, 3)))

    METRICS.add(Metric("energy_error", energy_error, "|⟨prediction²⟩ - ⟨target²⟩|", unit="field²"))
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.registry import Registry, module_of

Fields = Float[Array, "batch time *space channel"]
SampleErrors = Float[Array, "batch time channel *more"]
Reduction = Callable[[Float[np.ndarray, "sample time channel *more"]], Float[np.ndarray, "time channel"]]

RESERVED = (
    "parameters",
    "kind",
    "samples",
    "diverged",
    "channels",
    "over_time",
)  # other keys of a row in JSON


def mean(errors: Float[np.ndarray, "sample time channel"]) -> Float[np.ndarray, "time channel"]:
    """Return the mean over samples."""
    return errors.mean(axis=0)


def median(errors: Float[np.ndarray, "sample time channel"]) -> Float[np.ndarray, "time channel"]:
    """Return the median over samples."""
    return np.median(errors, axis=0)


def largest(errors: Float[np.ndarray, "sample time channel"]) -> Float[np.ndarray, "time channel"]:
    """Return the largest value over samples."""
    return errors.max(axis=0)


def root_mean_square(errors: Float[np.ndarray, "sample time channel"]) -> Float[np.ndarray, "time channel"]:
    """Return √(mean of e² over samples)."""
    return np.sqrt(np.mean(errors**2, axis=0))


@dataclass(frozen=True)
class Metric:
    """An error of predicted fields: computed for each sample, then reduced over the samples of a parameter value.

    The value that is reported is the mean of the reduced error over time and channels.

    Attributes:
        name: key in evaluation.json and column of evaluation.csv.
        function: (prediction, target), both [batch, time, *space, channel] -> [batch, time, channel, ...]. It is
            traced by jax.jit. Axes after the channel are left to the reduction.
        description: the formula, or one line about it.
        unit: such as "field" (that of the channel) or "dimensionless".
        reduction: [sample, time, channel, ...] -> [time, channel], in numpy.
        over_time: whether the error has a curve over time. If not, each sample's error is averaged over time and
            channels before the reduction.
        persistence: whether persistence (the last given frame, repeated) is measured too, as "persistence_" + name.
        in_table: whether the printed table has a column for it.
        heading: of that column; the name if empty.
        persistence_heading: of the column for persistence; no column if empty.
        by_channel: whether the printed table of channels shows it.
        in_figures: whether `cape.figures.evaluation_figures` draws it.
    """

    name: str
    function: Callable[[Fields, Fields], SampleErrors]
    description: str
    unit: str = "dimensionless"
    reduction: Reduction = mean
    over_time: bool = True
    persistence: bool = False
    in_table: bool = True
    heading: str = ""
    persistence_heading: str = ""
    by_channel: bool = False
    in_figures: bool = True

    def __post_init__(self):
        if not self.name or self.name in RESERVED or self.name.startswith("persistence_"):
            raise ValueError(
                f"metric {self.name!r}: expected a name that is not empty, does not start with 'persistence_' and is "
                f"none of {', '.join(RESERVED)}, which evaluation.json uses itself"
            )

    @property
    def defined_in(self) -> str:
        """The module that defines the function."""
        return module_of(self.function)

    def of_samples(self, prediction: Fields, target: Fields) -> SampleErrors:
        """Compute the error of each sample.

        Raises:
            ValueError: the fields differ in shape, or the function returned another shape than the contract asks for.
        """
        check_fields(prediction, target)
        errors = self.function(prediction, target)
        expected = (*target.shape[:2], target.shape[-1])
        if jnp.shape(errors)[:3] != expected:
            raise ValueError(
                f"metric {self.name!r}: its function returned shape {jnp.shape(errors)} for fields {target.shape}, "
                f"expected [batch, time, channel, ...], which starts with {expected}; reduce the space axes only"
            )
        return errors

    def reduce(
        self, errors: Float[np.ndarray, "sample time channel *more"]
    ) -> Float[np.ndarray, "time channel"]:
        """Reduce the errors of all samples, in float64.

        Raises:
            ValueError: the reduction returned another shape than [time, channel].
        """
        errors = np.asarray(errors, np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # errors of diverged samples are infinite
            reduced = np.asarray(self.reduction(errors))
        if reduced.shape != errors.shape[1:3]:
            raise ValueError(
                f"metric {self.name!r}: its reduction returned shape {reduced.shape} for errors {errors.shape} "
                f"[sample, time, channel, ...], expected [time, channel] = {errors.shape[1:3]}"
            )
        return reduced

    def __call__(self, prediction: Fields, target: Fields) -> Float[np.ndarray, "time channel"]:
        """Compute the error for each frame and channel, reduced over the batch; errors as in `of_samples`."""
        return self.reduce(np.asarray(self.of_samples(prediction, target)))


METRICS: Registry[Metric] = Registry(
    "metric",
    Metric,
    ["cape.evaluation.metrics", "cape.evaluation.flow_metrics", "cape.evaluation.spectrum_error"],
)


def error_names() -> tuple[str, ...]:
    """Return the names of all errors `evaluate` reports: every metric, then persistence where it is measured too."""
    metrics = METRICS.parts.values()
    return (*METRICS.parts, *(f"persistence_{metric.name}" for metric in metrics if metric.persistence))


def check_fields(prediction: Fields, target: Fields) -> None:
    """Raise ValueError unless both have one shape [batch, time, *space, channel] with 1 to 3 space axes."""
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction {prediction.shape} and target {target.shape} differ in shape: expected both "
            "[batch, time, *space, channel]; nothing is broadcast, repeat or crop one of them"
        )
    if not 4 <= target.ndim <= 6:
        raise ValueError(
            f"expected [batch, time, *space, channel] with 1 to 3 space axes, got shape {target.shape}; "
            "add the missing axis (a channel axis of 1, or frames[:, None] for a single frame)"
        )
