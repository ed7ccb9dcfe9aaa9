"""Snapshots of fields in two dimensions, or of the central slice in three: truth, prediction and error.

A block of panels per channel: the rows are truth, prediction and prediction − truth, the columns times.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cape.figures import panels
from cape.figures.canvas import drawing
from cape.figures.panels import ERROR, Frames, Scale

MOST_CHANNELS = 6
_PANEL = 1.55  # inches


def field_panels(
    frames_by_title: Mapping[str, Frames],
    path: str | Path,
    times: Float[np.ndarray, " time"],
    *,
    channel_names: Sequence[str] = ("u",),
    coordinates: Sequence[Float[np.ndarray, " n"]] | None = None,
    caption: str = "",
    columns: int = 4,
) -> None:
    """Draw fields in 2D or 3D at a few times, the first and the last among them.

    Truth and prediction share one colour scale for all times; where the field decays or grows so much that it would
    be pale on it, one for each time. The error has its own, no wider than that of the field.

    Args:
        frames_by_title: [time, *space, channel] of one shape: {"truth": ..., "prediction": ...} (the error is
            added), {"prediction": ...} alone, or any other titles.
        path: file to write; the suffix chooses the format.
        times: of the frames, in the units of the data.
        channel_names: one per channel; of more than MOST_CHANNELS the first ones are drawn.
        coordinates: cell centres, one array per axis; without them cells of a unit box.
        caption: what is shown, such as "M = 1 (seen)".
        columns: number of times at most.

    Raises:
        ValueError: shapes that do not fit together, or fields in one dimension.
    """
    times = np.asarray(times)
    frames_by_title = {title: np.asarray(frames) for title, frames in frames_by_title.items()}
    panels.check_frames(frames_by_title, times, channel_names)
    first = next(iter(frames_by_title.values()))
    if first.ndim < 4:
        raise ValueError(f"field panels need frames in 2D or 3D, got {list(first.shape)}: see space_time")
    chosen = panels.evenly(len(times), columns)
    frames = panels.with_error({title: panels.plane(f[chosen]) for title, f in frames_by_title.items()})
    place, tall = panels.box(panels.cells(first.shape[1:-1]) if coordinates is None else coordinates)
    names = list(channel_names[:MOST_CHANNELS])
    across = 1 if len(names) == 1 else 2
    down = -(-len(names) // across)
    width = 0.9 + (_PANEL + 0.1) * len(chosen)
    height = 0.75 + (_PANEL * tall + 0.12) * len(frames)
    if any(
        panels.changes_much(f[..., c]) for t, f in frames.items() if t != ERROR for c in range(len(names))
    ):
        height += 0.65  # a colour bar below each panel
    slice_ = " at the central z" if first.ndim == 5 else ""
    with drawing(path, across * width, 0.3 + down * height) as canvas:
        canvas.suptitle(caption + slice_, x=0.01, ha="left", fontsize=11)
        blocks = canvas.subfigures(down, across, squeeze=False).ravel()
        for channel, (block, name) in enumerate(zip(blocks, names, strict=False)):
            fields = {title: f[..., channel] for title, f in frames.items()}
            _draw_block(block, fields, times[chosen], place, name)


def _draw_block(block, fields: dict[str, np.ndarray], times: np.ndarray, place: dict, name: str) -> None:
    """Draw the panels of one channel; fields are [time, x, y] by title, the error last if it is there."""
    grid = block.subplots(len(fields), len(times), sharex=True, sharey=True, squeeze=False)
    error, shown, reference = fields.get(ERROR), panels.without_error(fields), panels.reference(fields)
    steady = not panels.changes_much(reference)
    for part in [slice(None)] if steady else [slice(i, i + 1) for i in range(len(times))]:
        scale = panels.field_scale(reference[part], [values[part] for values in shown.values()])
        upper = grid[: len(shown), part]
        for line, values in zip(upper, shown.values(), strict=True):
            image = _draw_line(line, values[part], place, scale)
        _draw_bar(block, image, upper, scale, steady)
        if error is not None:
            scale = panels.error_scale(error[part], scale)
            image = _draw_line(grid[-1, part], error[part], place, scale)
            _draw_bar(block, image, grid[-1:, part], scale, steady)
    block.suptitle(name, x=0.02, ha="left", fontsize=10, fontweight="bold")
    for axes, time in zip(grid[0], times, strict=True):
        axes.set_title(f"t = {time:.4g}")
    for line, title in zip(grid, fields, strict=True):
        line[0].set_ylabel("error" if title == ERROR else title)
    for axes in grid.ravel():
        axes.tick_params(labelsize=8)
        axes.locator_params(axis="x", nbins=3, prune="upper")  # so that neighbours' labels do not touch
        axes.locator_params(axis="y", nbins=3)


def _draw_line(line: np.ndarray, frames: np.ndarray, place: dict, scale: Scale):
    for axes, frame in zip(line, frames, strict=True):
        image = axes.imshow(frame.T, **place, **scale.style)
        axes.set_facecolor("0.6")  # where a prediction is not finite
    return image


def _draw_bar(block, image, axes: np.ndarray, scale: Scale, steady: bool) -> None:
    """Draw one colour bar: to the right of all times, or below the panels of one."""
    place = (
        {"location": "right", "aspect": 14 * len(axes)} if steady else {"location": "bottom", "aspect": 18}
    )
    bar = block.colorbar(image, ax=axes.ravel().tolist(), extend=scale.extend, pad=0.02, **place)
    bar.ax.tick_params(labelsize=8)
    bar.ax.locator_params(axis="y" if steady else "x", nbins=5 if steady else 3)
