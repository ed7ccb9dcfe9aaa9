"""Animations of fields: GIF by pillow, MP4 by ffmpeg; `pip install 'cape-jax[plot]'`.

In 1D truth and prediction are curves, with one panel per channel. In 2D they are side by side with the error, with one
row per channel. In 3D the central slice z = const is shown. The number of frames and their size are limited, so that
a GIF has a few MB at most.
"""

from pathlib import Path

import numpy as np

from cape.figures.box import extent, placement
from cape.figures.field_series import (
    ERROR,
    PREDICTION,
    TRUTH,
    FieldSeries,
    evenly,
    plane,
    reference,
    with_error,
    without_error,
)
from cape.figures.palette import COLOURS, NOT_FINITE
from cape.figures.scale import error_scale, field_scale
from cape.figures.style import TEXT, recording

MOST_FRAMES, MOST_CHANNELS = 60, 4
_PIXELS = 10e6  # of all frames together; a pixel of a smooth field takes about a quarter of a byte in a GIF
_DOTS = (60, 100)  # per inch: smallest and largest
_CURVES = {TRUTH: {"color": "k", "lw": 2.4, "alpha": 0.45}, PREDICTION: {"color": COLOURS[1], "lw": 1.5}}


def animate(
    series: FieldSeries, path: str | Path, *, most_frames: int = MOST_FRAMES, seconds: float = 6.0
) -> Path:
    """Write an animation of fields over time, .gif or .mp4, atomically; return its path.

    Of more than MOST_CHANNELS channels the first ones are drawn. The time is written after the caption.

    Args:
        path: file to write; the suffix chooses the format, and MP4 needs the program ffmpeg.
        most_frames: of more frames an evenly spaced choice is drawn, with the first and the last; of large figures
            fewer frames are drawn, so that a GIF stays small.
        seconds: the longest duration; at least 4 frames a second are shown.

    Raises:
        ValueError: another suffix, or MP4 without ffmpeg.
        ImportError: matplotlib is not installed.
    """
    animation = (_Curves if series.dimension == 1 else _Planes)(series)
    width, height = animation.size
    room = _PIXELS / (width * height)  # frames times squared dots per inch
    chosen = evenly(len(series.times), min(most_frames, int(room / _DOTS[0] ** 2)))
    dots = float(np.clip(np.sqrt(room / len(chosen)), *_DOTS))
    with recording(path, width, height, max(len(chosen) / seconds, 4.0), dots) as (figure, record):
        title = figure.suptitle(_title(series, chosen[0]), x=0.02, ha="left", fontsize=TEXT)
        animation.open(figure)
        for frame in chosen:
            title.set_text(_title(series, frame))
            record([title, *animation.show(frame)])
    return Path(path)


class _Curves:
    """One panel per channel, with a curve for each title."""

    def __init__(self, series: FieldSeries):
        self.frames, self.x = series.frames, series.coordinates[0]
        self.channels = list(series.channel_names[:MOST_CHANNELS])
        self.size = (6.4, 0.6 + (3.0 if len(self.channels) == 1 else 1.9 * len(self.channels)))
        self.lines: list = []

    def open(self, figure) -> None:
        """Draw the panels with empty curves."""
        grid = figure.subplots(len(self.channels), 1, sharex=True, squeeze=False)[:, 0]
        limits = reference(self.frames)
        for channel, axes in enumerate(grid):
            for title, frames in self.frames.items():
                line = axes.plot(self.x, np.zeros(len(self.x)), label=title, **_CURVES.get(title, {}))[0]
                self.lines.append((line, frames[:, :, channel]))
            low, high = _limits(limits[:, :, channel])
            axes.set(ylabel=self.channels[channel], ylim=(low, high), xlim=extent([self.x]))
        grid[-1].set_xlabel("x")
        figure.legend(*grid[0].get_legend_handles_labels(), loc="upper right", ncols=4)

    def show(self, frame: int) -> list:
        """Set the curves of a frame; return them."""
        for line, values in self.lines:
            line.set_ydata(values[frame])
        return [line for line, _ in self.lines]


class _Planes:
    """A row per channel and a column per title and for the error; of one title alone, a column per channel."""

    def __init__(self, series: FieldSeries):
        self.channels = list(series.channel_names[:MOST_CHANNELS])
        few = {title: plane(f[..., :MOST_CHANNELS]) for title, f in series.frames.items()}
        self.frames = with_error(few)
        self.place, tall = placement(series.coordinates)
        rows, columns = len(self.channels), len(self.frames)
        self.grid = (rows, columns) if columns > 1 else (1, rows)
        width = 2.5 if max(self.grid) > 1 else 4.2
        self.size = (0.7 + (width + 0.4) * self.grid[1], 0.7 + width * tall * self.grid[0])
        self.images: list = []

    def open(self, figure) -> None:
        """Draw the panels of the first frame, and the colour bars."""
        grid = figure.subplots(*self.grid, sharex=True, sharey=True, squeeze=False)
        alone = len(self.frames) == 1
        for channel, line in enumerate(grid.T if alone else grid):
            fields = {title: frames[..., channel] for title, frames in self.frames.items()}
            shown = without_error(fields)
            scale = field_scale(reference(fields), list(shown.values()))
            for axes, (title, values) in zip(line, fields.items(), strict=True):
                chosen = error_scale(values, scale) if title == ERROR else scale
                values = chosen.clip(values)
                image = axes.imshow(values[0].T, **self.place, **chosen.style)
                axes.set_facecolor(NOT_FINITE)
                self.images.append((image, values))
                if title in (ERROR, list(shown)[-1]):
                    figure.colorbar(image, ax=axes, extend=chosen.extend, shrink=0.9, pad=0.02, aspect=18)
                if alone or channel == 0:
                    axes.set_title(f"{title} ({self.channels[channel]})" if alone else title)
            if not alone:
                line[0].set_ylabel(self.channels[channel])

    def show(self, frame: int) -> list:
        """Set the images of a frame; return them."""
        for image, values in self.images:
            image.set_data(values[frame].T)
        return [image for image, _ in self.images]


def _limits(limits: np.ndarray) -> tuple[float, float]:
    """Return the range of the finite values, with a margin."""
    values = limits[np.isfinite(limits)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    room = 0.12 * (high - low) or 0.05 * abs(low) or 1.0
    return low - room, high + room


def _title(series: FieldSeries, frame: int) -> str:
    """Return the caption and the time, with the same number of digits at every frame."""
    times = series.times
    step = float(times[-1] - times[0]) / max(len(times) - 1, 1)
    digits = next((d for d in range(6) if abs(round(step, d) - step) <= 1e-3 * step), 6)
    return f"{series.caption}   t = {times[frame]:.{digits}f}".strip()
