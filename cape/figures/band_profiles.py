"""Truth and prediction with its band along a line, at a few times."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cape.evaluation.evaluation import Example
from cape.figures.field_series import evenly
from cape.figures.palette import BOX, KIND_COLOURS
from cape.figures.style import NOTE_TEXT, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TIMES = 3


def band_profiles(examples: Sequence[Example], channel: int = 0) -> "Figure":
    """Draw truth, prediction and band of examples over the first axis, one row per example and one column per time.

    Of fields in 2D and 3D, the line through the middle of the other axes is drawn.

    Raises:
        ValueError: no examples, or one without a band (see `cape.uncertainty.example_bands`).
        ImportError: matplotlib is not installed.
    """
    if not examples or any(example.half_width is None for example in examples):
        raise ValueError(
            "band profiles need examples with bands; calibrate the surrogate, and evaluate it again"
        )
    first = examples[0]
    predicted = first.given + np.array(evenly(len(first.times) - first.given, _TIMES))
    with drawing(9.5, 0.6 + 2.1 * len(examples)) as figure:
        grid = figure.subplots(len(examples), len(predicted), sharex=True, sharey="row", squeeze=False)
        for line, example in zip(grid, examples, strict=True):
            for axes, time in zip(line, predicted, strict=True):
                _draw(axes, example, int(time), channel)
            line[0].set_ylabel(first.channel_names[channel])
            tag = {"fontsize": NOTE_TEXT, "bbox": BOX, "zorder": 5}
            line[0].text(0.02, 1.02, example.caption, transform=line[0].transAxes, va="bottom", **tag)
        for axes, time in zip(grid[0], predicted, strict=True):
            axes.set_title(f"t = {first.times[time]:.4g}", loc="right")
        for axes in grid[-1]:
            axes.set_xlabel("x")
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False)
    return figure


def _draw(axes: "Axes", example: Example, time: int, channel: int) -> None:
    """Draw the line through the middle of a frame."""
    assert example.half_width is not None
    middle = tuple(n // 2 for n in example.truth.shape[2:-1])
    truth, prediction = (
        each[(time, slice(None), *middle, channel)] for each in (example.truth, example.prediction)
    )
    x, width = example.coordinates[0], example.half_width[time, channel]
    colour = KIND_COLOURS[example.kind]
    axes.fill_between(
        x,
        prediction - width,
        prediction + width,
        color=colour,
        alpha=0.25,
        lw=0,
        label=f"{example.level:.0%} band",
    )
    axes.plot(x, truth, color="k", lw=1.2, label="truth")
    axes.plot(x, prediction, color=colour, lw=1.2, ls="--", label="prediction")
    axes.margins(x=0)
