"""Snapshots of fields in two dimensions, or of the central slice in three: truth, prediction and error.

There is a block of panels per channel. Its rows are truth, prediction and prediction − truth, its columns are times.
"""

from typing import TYPE_CHECKING

import numpy as np

from cape.figures.box import placement
from cape.figures.field_series import (
    ERROR,
    FieldSeries,
    evenly,
    plane,
    reference,
    with_error,
    without_error,
)
from cape.figures.palette import NOT_FINITE
from cape.figures.scale import Scale, changes_much, error_scale, field_scale
from cape.figures.style import NOTE_TEXT, TEXT, TITLE_TEXT, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_CHANNELS = 6
_PANEL = 1.55  # inches


def field_panels(series: FieldSeries, columns: int = 4) -> "Figure":
    """Draw fields in 2D or 3D at up to `columns` times, including the first and the last; return the figure.

    Truth and prediction share one colour scale for all times. If the field decays or grows so much that it would be
    pale on it, each time has its own scale. The error has a separate scale, not wider than that of the field. Of more
    than MOST_CHANNELS channels the first ones are drawn.

    Raises:
        ValueError: fields in one dimension.
        ImportError: matplotlib is not installed.
    """
    if series.dimension == 1:
        raise ValueError(f"field panels need frames in 2D or 3D, got {list(series.shape)}: see space_time")
    chosen = evenly(len(series.times), columns)
    frames = with_error({title: plane(f[chosen]) for title, f in series.frames.items()})
    place, tall = placement(series.coordinates)
    names = list(series.channel_names[:MOST_CHANNELS])
    across = 1 if len(names) == 1 else 2
    width = 1.2 + (_PANEL + 0.1) * len(chosen)
    fields = [{title: f[..., channel] for title, f in frames.items()} for channel in range(len(names))]
    bars_below = [
        any(changes_much(reference(one)) for one in fields[i : i + across])
        for i in range(0, len(names), across)
    ]
    panels = (_PANEL * tall + 0.12) * len(frames)
    bar_rows = 2 if ERROR in frames else 1
    heights = [0.75 + panels + (0.33 * bar_rows if below else 0.0) for below in bars_below]
    slice_ = " at the central z" if series.dimension == 3 else ""
    with drawing(across * width, 0.3 + sum(heights)) as figure:
        figure.suptitle(series.caption + slice_, x=0.01, ha="left", fontsize=TITLE_TEXT)
        blocks = figure.subfigures(len(heights), across, squeeze=False, height_ratios=heights).ravel()
        for block, of_channel, name in zip(blocks, fields, names, strict=False):
            _draw_block(block, of_channel, series.times[chosen], place, name)
    return figure


def _draw_block(block, fields: dict[str, np.ndarray], times: np.ndarray, place: dict, name: str) -> None:
    """Draw the panels of one channel; fields are [time, x, y] by title, with the error last if there is one."""
    grid = block.subplots(len(fields), len(times), sharex=True, sharey=True, squeeze=False)
    _draw_fields(block, grid, fields, place)
    block.suptitle(name, x=0.02, ha="left", fontsize=TEXT, fontweight="bold")
    for axes, time in zip(grid[0], times, strict=True):
        axes.set_title(f"t = {time:.4g}")
    for line, title in zip(grid, fields, strict=True):
        line[0].set_ylabel("error" if title == ERROR else title)
    for axes in grid.ravel():
        axes.tick_params(labelsize=8)
        axes.locator_params(axis="x", nbins=3, prune="upper")  # so that neighbours' labels do not touch
        axes.locator_params(axis="y", nbins=3)


def _draw_fields(block, grid: np.ndarray, fields: dict[str, np.ndarray], place: dict) -> None:
    """Draw fields and colour bars: one scale for all times, or one for each time if the field changes much."""
    error, shown, limits = fields.get(ERROR), without_error(fields), reference(fields)
    steady = not changes_much(limits)
    for part in [slice(None)] if steady else [slice(i, i + 1) for i in range(grid.shape[1])]:
        scale = field_scale(limits[part], [values[part] for values in shown.values()])
        upper = grid[: len(shown), part]
        for line, values in zip(upper, shown.values(), strict=True):
            image = _draw_line(line, values[part], place, scale)
        _draw_bar(block, image, upper, scale, steady)
        if error is not None:
            scale = error_scale(error[part], scale)
            image = _draw_line(grid[-1, part], error[part], place, scale)
            _draw_bar(block, image, grid[-1:, part], scale, steady)


def _draw_line(line: np.ndarray, frames: np.ndarray, place: dict, scale: Scale):
    """Draw the frames of one title; return the last image."""
    for axes, frame in zip(line, frames, strict=True):
        image = axes.imshow(scale.clip(frame.T), **place, **scale.style)
        axes.set_facecolor(NOT_FINITE)
        if not np.isfinite(frame).any():
            axes.text(
                0.5, 0.5, "diverged", transform=axes.transAxes, ha="center", va="center", fontsize=NOTE_TEXT
            )
    return image


def _draw_bar(block, image, axes: np.ndarray, scale: Scale, steady: bool) -> None:
    """Draw one colour bar: to the right of all times, or below the panels of one time."""
    place = (
        {"location": "right", "aspect": 14 * len(axes)} if steady else {"location": "bottom", "aspect": 18}
    )
    bar = block.colorbar(image, ax=axes.ravel().tolist(), extend=scale.extend, pad=0.02, **place)
    bar.ax.tick_params(labelsize=8)
    bar.ax.locator_params(axis="y" if steady else "x", nbins=5 if steady else 3)
