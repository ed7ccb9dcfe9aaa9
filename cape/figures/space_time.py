"""Space-time panels of fields in one dimension: truth, prediction and error, time to the right, x upwards."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cape.evaluation.evaluate import Example
from cape.figures import panels
from cape.figures.canvas import drawing
from cape.figures.panels import ERROR, PREDICTION, TRUTH, Frames

TAG = {"fontsize": 9, "bbox": {"facecolor": "w", "alpha": 0.85, "edgecolor": "none", "pad": 2}}
Lines = Sequence[tuple[str, dict[str, Float[np.ndarray, "time x"]]]]


def space_time(examples: Sequence[Example], path: str | Path, channel: int = 0, rows: int = 4) -> None:
    """Draw truth, prediction and error of 1D examples over time and space, one row per parameter value.

    Truth and prediction share one colour scale; the error has its own, symmetric about zero. Of more examples
    than `rows` an evenly spaced choice is drawn, the first and the last included.

    Raises:
        ValueError: no examples, or not in one space dimension.
    """
    if not examples or any(example.truth.ndim != 3 for example in examples):
        raise ValueError("space-time panels need examples in one space dimension: [time, x, channel] each")
    first, lines = examples[0], []
    for example in (examples[i] for i in panels.evenly(len(examples), rows)):
        both = {TRUTH: example.truth[:, :, channel], PREDICTION: example.prediction[:, :, channel]}
        lines.append((example.caption, panels.with_error(both)))
    _draw(lines, path, first.times, first.coordinates[0], first.channel_names[channel])


def space_time_panels(
    frames_by_title: Mapping[str, Frames],
    path: str | Path,
    times: Float[np.ndarray, " time"],
    *,
    channel_names: Sequence[str] = ("u",),
    coordinates: Sequence[Float[np.ndarray, " n"]] | None = None,
    caption: str = "",
) -> None:
    """Draw fields in 1D over time and space, one row per channel; arguments as in `field_panels`.

    Raises:
        ValueError: shapes that do not fit together, or fields in 2D or 3D.
    """
    frames_by_title = {title: np.asarray(frames) for title, frames in frames_by_title.items()}
    panels.check_frames(frames_by_title, times, channel_names)
    frames = panels.with_error(frames_by_title)
    first = next(iter(frames.values()))
    if first.ndim != 3:
        raise ValueError(f"space-time panels need frames [time, x, channel], got {list(first.shape)}")
    lines = [
        (name, {title: values[:, :, channel] for title, values in frames.items()})
        for channel, name in enumerate(channel_names)
    ]
    x = panels.cells(first.shape[1:-1])[0] if coordinates is None else coordinates[0]
    _draw(lines, path, np.asarray(times), x, caption)


def _draw(lines: Lines, path: str | Path, times: np.ndarray, x: np.ndarray, caption: str) -> None:
    titles = list(lines[0][1])
    width = 9.5 if len(titles) > 1 else 5.0
    with drawing(path, width, 0.7 + (1.75 if len(titles) > 1 else 2.6) * len(lines)) as canvas:
        canvas.suptitle(caption, x=0.01, ha="left", fontsize=11)
        grid = canvas.subplots(len(lines), len(titles), sharex=True, sharey=True, squeeze=False)
        for line, (label, fields) in zip(grid, lines, strict=True):
            _draw_line(canvas, line, fields, panels.extent([times, x]))
            line[0].set_ylabel("x")
            line[0].text(0.02, 0.96, label, transform=line[0].transAxes, va="top", **TAG)
        for axes, title in zip(grid[0], titles, strict=True):
            axes.set_title(title)
        for axes in grid[-1]:
            axes.set_xlabel("time")


def _draw_line(canvas, line, fields: dict[str, np.ndarray], edges: list[float]) -> None:
    place = {"extent": edges, "origin": "lower", "aspect": "auto", "interpolation": "nearest"}
    shown = panels.without_error(fields)
    scale = panels.field_scale(panels.reference(fields), list(shown.values()))
    for axes, (title, values) in zip(line, fields.items(), strict=True):
        own = panels.error_scale(values, scale) if title == ERROR else scale
        image = axes.imshow(values.T, **place, **own.style)
        axes.set_facecolor("0.6")  # where the prediction is not finite
        if title == PREDICTION and not np.isfinite(values).all():
            axes.text(0.97, 0.05, "diverged", transform=axes.transAxes, ha="right", **TAG)
        if title == ERROR:
            canvas.colorbar(image, ax=axes, extend=own.extend, pad=0.02, aspect=12)
        elif title == list(shown)[-1]:
            canvas.colorbar(image, ax=line[: len(shown)].tolist(), extend=own.extend, pad=0.01, aspect=12)
