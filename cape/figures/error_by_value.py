"""The error of an evaluation for each parameter value and channel, one below the other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cape.evaluation.evaluation import KINDS, Evaluation, Row
from cape.figures.error_over_parameter import check_error, varying
from cape.figures.palette import BOX, COLOURS, GREY, KIND_COLOURS, SHADE
from cape.figures.style import NOTE_TEXT, SMALL_TEXT, drawing, legend, log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_VALUES = 40


def error_by_value(evaluation: Evaluation, metric: str = "nRMSE") -> "Figure":
    """Draw a line for each parameter value, with its mean error and the errors of its channels; return the figure.

    Of more than MOST_VALUES values the worst of each kind are drawn.

    Args:
        metric: name of an error in the evaluation, see `Evaluation.error_names`.

    Raises:
        ValueError: the evaluation has no such error.
        ImportError: matplotlib is not installed.
    """
    check_error(evaluation, metric)
    rows = _chosen(evaluation, metric)
    heights = np.arange(len(rows))[::-1]
    with drawing(7.5, 1.6 + 0.26 * len(rows)) as figure:
        axes = figure.subplots()
        _draw_errors(axes, rows, heights, metric)
        for height, row in zip(heights, rows, strict=True):
            if row.diverged:
                text = f"{row.diverged} of {row.samples} diverged"
                style: dict[str, Any] = {"ha": "left", "va": "center", "fontsize": NOTE_TEXT, "bbox": BOX}
                axes.text(0.01, height, text, transform=axes.get_yaxis_transform(), **style)
        labels = [", ".join(f"{n} = {row.parameters[n]:.4g}" for n in varying(evaluation)) for row in rows]
        axes.set_yticks(heights, labels, fontsize=SMALL_TEXT)
        for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
            tick.set_color(KIND_COLOURS[row.kind])
        _name_kinds(axes, rows, heights)
        axes.set(ylim=(-0.7, len(rows) - 0.3), xlabel=metric)
        axes.grid(axis="y", color=SHADE)
        axes.set_axisbelow(True)
        log_axis(axes, "x")
        legend(figure, axes)
    return figure


def _draw_errors(axes: "Axes", rows: Sequence[Row], heights: np.ndarray, metric: str) -> None:
    """Draw persistence, every channel and the mean over channels."""
    if f"persistence_{metric}" in rows[0].values:
        still = _drawable([row.values[f"persistence_{metric}"] for row in rows])
        axes.plot(still, heights, marker="|", color=GREY, ls="", ms=9, mew=2, label="persistence")
    channels = list(rows[0].channels)
    for number, channel in enumerate(channels):
        found = _drawable([row.channels[channel][metric] for row in rows])
        style: dict[str, Any] = {"marker": "osD^vP"[number % 6], "mew": 0, "alpha": 0.75, "ms": 6}
        axes.plot(found, heights, color=COLOURS[number % 6], ls="", label=channel, **style)
    means = _drawable([row.values[metric] for row in rows])
    axes.plot(means, heights, "|", color="k", ms=12, mew=2.4, label="mean" if channels else metric)


def _chosen(evaluation: Evaluation, metric: str) -> list[Row]:
    """Return the rows by kind and parameter value; of too many the worst of each kind."""
    most, rows = MOST_VALUES // len({row.kind for row in evaluation.rows}), []
    for kind in KINDS:
        of_kind = [row for row in evaluation.rows if row.kind == kind]
        worst = sorted(of_kind, key=lambda row: -np.nan_to_num(row.values[metric], nan=np.inf))[:most]
        rows += [row for row in of_kind if row in worst]
    return rows


def _name_kinds(axes: "Axes", rows: Sequence[Row], heights: np.ndarray) -> None:
    """Write each kind to the right of its rows, and draw a line below them."""
    for kind in KINDS:
        of_kind = [height for height, row in zip(heights, rows, strict=True) if row.kind == kind]
        if of_kind:
            height, place = (of_kind[0] + of_kind[-1]) / 2, axes.get_yaxis_transform()
            axes.text(
                1.01, height, kind, transform=place, va="center", fontsize=NOTE_TEXT, color=KIND_COLOURS[kind]
            )
            if of_kind[-1] > 0:
                axes.axhline(of_kind[-1] - 0.5, color="0.8", lw=0.8)


def _drawable(values: Sequence[float]) -> np.ndarray:
    """Replace by NaN what a logarithmic axis cannot show."""
    found = np.asarray(values, np.float64)
    return np.where(np.isfinite(found) & (found > 0), found, np.nan)
