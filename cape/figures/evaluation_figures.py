"""All figures of an evaluation; `pip install 'cape-jax[plot]'`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cape.evaluation.evaluation import KINDS, Evaluation, Example
from cape.evaluation.metric import METRICS
from cape.figures.animation import animate
from cape.figures.band_panels import band_panels
from cape.figures.error_by_value import error_by_value
from cape.figures.error_over_parameter import error_over_parameter, varying
from cape.figures.error_over_time import error_over_time
from cape.figures.field_panels import field_panels
from cape.figures.field_series import FieldSeries
from cape.figures.flow_panels import flow_histories, flow_spectra
from cape.figures.horizon_by_value import horizon_by_value
from cape.figures.space_time import space_time, space_time_panels
from cape.figures.spectrum_panels import spectrum_panels
from cape.figures.style import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAIN = "nRMSE"  # the figures of other metrics have the metric's name in theirs


def write_figures(evaluation: Evaluation, folder: str | Path) -> list[Path]:
    """Write every figure of an evaluation into a folder, as PNG; return their paths.

    Raises:
        ImportError: matplotlib is not installed.
    """
    return [save(figure, Path(folder) / f"{name}.png") for name, figure in evaluation_figures(evaluation)]


def write_animations(evaluation: Evaluation, folder: str | Path) -> list[Path]:
    """Write an animation of truth and prediction at one parameter value of each kind; return their paths.

    The examples of the evaluation are shown; without examples there is no animation. The files are
    animation_KIND.gif.

    Raises:
        ImportError: matplotlib is not installed.
    """
    return [
        animate(FieldSeries.of(example), Path(folder) / f"animation_{example.kind}.gif")
        for example in one_of_each_kind(evaluation.examples)
    ]


def evaluation_figures(evaluation: Evaluation) -> Iterator[tuple[str, "Figure"]]:
    """Draw every figure of an evaluation, one after the other; yield (name, figure).

    Errors are drawn of the metrics with `Metric.in_figures`. Fields and spectra are drawn of the examples, if there
    are any: in 1D over space and time at several parameter values, with one figure per channel, and in 2D and 3D as
    snapshots at one parameter value of each kind. Flows have figures of their histories, spectra and horizons.

    Raises:
        ImportError: matplotlib is not installed.
    """
    metrics = [name for name, metric in METRICS.parts.items() if metric.in_figures]
    for metric in (name for name in metrics if name in evaluation.error_names):
        suffix = "" if metric == MAIN else f"_{metric}"
        if metric in evaluation.rows[0].over_time:
            yield f"error_over_time{suffix}", error_over_time(evaluation, metric)
        if evaluation.parameter_names:
            yield f"error_over_parameter{suffix}", error_over_parameter(evaluation, metric=metric)
        if evaluation.rows[0].channels or len(varying(evaluation)) > 1:
            yield f"error_by_value{suffix}", error_by_value(evaluation, metric)
    if evaluation.flows:
        yield "correlation_horizon", horizon_by_value(evaluation)
        yield "flow_histories", flow_histories(evaluation)
        yield "flow_spectra", flow_spectra(evaluation)
    if evaluation.examples:
        yield from _example_figures(evaluation.examples)


def _example_figures(examples: Sequence[Example]) -> Iterator[tuple[str, "Figure"]]:
    """Draw spectra and fields of examples; yield (name, figure)."""
    typical = one_of_each_kind(examples)
    yield "spectra", spectrum_panels(typical)
    if all(example.half_width is not None for example in typical):
        names = examples[0].channel_names
        for channel, name in enumerate(names):
            yield "bands" + (f"_{name}" if len(names) > 1 else ""), band_panels(typical, channel)
    if examples[0].truth.ndim == 3:
        names = examples[0].channel_names
        for channel, name in enumerate(names):
            yield "space_time" + (f"_{name}" if len(names) > 1 else ""), space_time(examples, channel)
    else:
        for example in typical:
            yield f"fields_{example.kind}", field_panels(FieldSeries.of(example))


def field_figure(series: FieldSeries) -> "Figure":
    """Draw fields of any dimension in one figure: over space and time in 1D, at a few times in 2D and 3D."""
    return space_time_panels(series) if series.dimension == 1 else field_panels(series)


def one_of_each_kind(examples: Sequence[Example]) -> list[Example]:
    """Choose the middle one of the seen, of the interpolated and of the extrapolated parameter values."""
    kinds = [[example for example in examples if example.kind == kind] for kind in KINDS]
    return [of_kind[len(of_kind) // 2] for of_kind in kinds if of_kind]
