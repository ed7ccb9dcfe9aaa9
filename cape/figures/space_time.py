"""Space-time panels of fields in one dimension: truth, prediction and error, time to the right, x upwards."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from cape.evaluation.evaluation import Example
from cape.figures.box import extent
from cape.figures.field_series import (
    ERROR,
    PREDICTION,
    TRUTH,
    FieldSeries,
    evenly,
    reference,
    with_error,
    without_error,
)
from cape.figures.palette import BOX, NOT_FINITE
from cape.figures.scale import error_scale, field_scale
from cape.figures.style import NOTE_TEXT, TITLE_TEXT, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TAG = {"fontsize": NOTE_TEXT, "bbox": BOX}
Lines = Sequence[tuple[str, dict[str, Float[np.ndarray, "time x"]]]]  # label, fields by title


def space_time(examples: Sequence[Example], channel: int = 0, rows: int = 4) -> "Figure":
    """Draw truth, prediction and error of 1D examples over time and space, one row per parameter value.

    Truth and prediction share one colour scale. The error has a separate one, symmetric about zero. Of more examples
    than `rows` an evenly spaced choice is drawn, with the first and the last.

    Raises:
        ValueError: no examples, or not in one space dimension.
        ImportError: matplotlib is not installed.
    """
    if not examples or any(example.truth.ndim != 3 for example in examples):
        raise ValueError("space-time panels need examples in one space dimension: [time, x, channel] each")
    first, lines = examples[0], []
    for example in (examples[i] for i in evenly(len(examples), rows)):
        both = {TRUTH: example.truth[:, :, channel], PREDICTION: example.prediction[:, :, channel]}
        lines.append((example.caption, with_error(both)))
    return _draw(lines, first.times, first.coordinates[0], first.channel_names[channel])


def space_time_panels(series: FieldSeries) -> "Figure":
    """Draw fields in 1D over time and space, one row per channel; return the figure.

    Raises:
        ValueError: fields in 2D or 3D.
        ImportError: matplotlib is not installed.
    """
    if series.dimension != 1:
        raise ValueError(f"space-time panels need frames [time, x, channel], got {list(series.shape)}")
    frames = with_error(series.frames)
    lines = [
        (name, {title: values[:, :, channel] for title, values in frames.items()})
        for channel, name in enumerate(series.channel_names)
    ]
    return _draw(lines, series.times, series.coordinates[0], series.caption)


def _draw(lines: Lines, times: np.ndarray, x: np.ndarray, caption: str) -> "Figure":
    titles = list(lines[0][1])
    several = len(titles) > 1
    with drawing(9.5 if several else 5.0, 0.7 + (1.75 if several else 2.6) * len(lines)) as figure:
        figure.suptitle(caption, x=0.01, ha="left", fontsize=TITLE_TEXT)
        grid = figure.subplots(len(lines), len(titles), sharex=True, sharey=True, squeeze=False)
        for line, (label, fields) in zip(grid, lines, strict=True):
            _draw_line(figure, line, fields, extent([times, x]))
            line[0].set_ylabel("x")
            line[0].text(0.02, 0.96, label, transform=line[0].transAxes, va="top", **TAG)
        for axes, title in zip(grid[0], titles, strict=True):
            axes.set_title(title)
        for axes in grid[-1]:
            axes.set_xlabel("time")
    return figure


def _draw_line(figure: "Figure", line: np.ndarray, fields: dict[str, np.ndarray], edges: list[float]) -> None:
    place: dict[str, Any] = {"extent": edges, "origin": "lower", "aspect": "auto", "interpolation": "nearest"}
    shown = without_error(fields)
    scale = field_scale(reference(fields), list(shown.values()))
    for axes, (title, values) in zip(line, fields.items(), strict=True):
        chosen = error_scale(values, scale) if title == ERROR else scale
        image = axes.imshow(chosen.clip(values.T), **place, **chosen.style)
        axes.set_facecolor(NOT_FINITE)
        if title == PREDICTION and not np.isfinite(values).all():
            axes.text(0.97, 0.05, "diverged", transform=axes.transAxes, ha="right", **TAG)
        if title == ERROR:
            figure.colorbar(image, ax=axes, extend=chosen.extend, pad=0.02, aspect=12)
        elif title == list(shown)[-1]:
            figure.colorbar(image, ax=line[: len(shown)].tolist(), extend=chosen.extend, pad=0.01, aspect=12)
