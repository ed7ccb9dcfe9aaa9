"""The band of a prediction: around the prediction, with its error, and over time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cape.evaluation.evaluation import Example
from cape.figures.palette import BOX, COLOURS
from cape.figures.style import NOTE_TEXT, drawing, log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOUR = COLOURS[0]
_SHADE: dict[str, Any] = {"color": _COLOUR, "alpha": 0.25, "lw": 0}


def band_panels(examples: Sequence[Example], channel: int = 0) -> "Figure":
    """Draw the bands of examples, one row per example; return the figure.

    The panels are: truth, prediction and band along the first axis at the middle of the rollout; error and band at the
    same time; and over time, the half width and the error that a share `level` of the points does not exceed, which are
    alike if the band is right. Of fields in 2D and 3D, the line through the middle of the other axes is drawn.

    Raises:
        ValueError: no examples, or one without a band (see `cape.uncertainty.example_bands`).
        ImportError: matplotlib is not installed.
    """
    if not examples or any(example.half_width is None for example in examples):
        raise ValueError(
            "band panels need examples with bands; calibrate the surrogate, and evaluate it again"
        )
    first = examples[0]
    time = (first.given + len(first.times)) // 2
    with drawing(9.5, 0.7 + 2.1 * len(examples)) as figure:
        grid = figure.subplots(len(examples), 3, sharex="col", squeeze=False)
        for line, example in zip(grid, examples, strict=True):
            _draw_profiles(line[0], line[1], example, time, channel)
            _draw_over_time(line[2], example, channel)
            line[0].set_ylabel(first.channel_names[channel])
            tag = {"fontsize": NOTE_TEXT, "bbox": BOX, "zorder": 5}
            line[0].text(0.02, 0.98, example.caption, transform=line[0].transAxes, va="top", **tag)
        at, share = f"t = {first.times[time]:.4g}", f"{first.level:.0%}"
        titles = (f"field, {at}", f"prediction − truth, {at}", f"error of {share} of the points")
        for column, (title, label) in enumerate(zip(titles, ("x", "x", "time"), strict=True)):
            grid[0][column].set_title(title)
            grid[-1][column].set_xlabel(label)
        handles, labels = grid[0][0].get_legend_handles_labels()
        error_handles, error_labels = grid[0][1].get_legend_handles_labels()
        figure.legend(
            handles + error_handles, labels + error_labels, loc="outside upper right", ncols=4, frameon=False
        )
    return figure


def _draw_profiles(field: "Axes", error: "Axes", example: Example, time: int, channel: int) -> None:
    """Draw the line through the middle of a frame, and its error."""
    assert example.half_width is not None
    middle = tuple(n // 2 for n in example.truth.shape[2:-1])
    truth, prediction = (
        each[(time, slice(None), *middle, channel)] for each in (example.truth, example.prediction)
    )
    x, width = example.coordinates[0], example.half_width[time, channel]
    field.fill_between(x, prediction - width, prediction + width, **_SHADE, label=f"{example.level:.0%} band")
    field.plot(x, truth, color="k", lw=1.2, label="truth")
    field.plot(x, prediction, color=_COLOUR, lw=1.4, ls="--", label="prediction")
    error.axhspan(-width, width, **_SHADE)
    error.plot(x, prediction - truth, color=COLOURS[1], lw=1.2, label="error")
    for axes in (field, error):
        axes.margins(x=0, y=0.25)


def _draw_over_time(axes: "Axes", example: Example, channel: int) -> None:
    """Draw the half width over time, and the error of the points that should be inside."""
    assert example.half_width is not None
    frames = slice(example.given, None)
    error = np.abs(example.prediction - example.truth)[frames, ..., channel]
    found = np.quantile(error.reshape(len(error), -1), example.level, axis=1)
    times, width = example.times[frames], example.half_width[frames, channel]
    axes.plot(times, found, color=COLOURS[1], lw=1.4)
    axes.fill_between(times, min(found.min(), width.min()) / 2, width, **_SHADE)
    log_axis(axes, "y")
    axes.margins(x=0)
