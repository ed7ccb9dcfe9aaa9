"""Animations of fields: GIF by pillow, MP4 by ffmpeg; `pip install 'cape-jax[plot]'`.

In one dimension truth and prediction are curves in one panel per channel; in two they stand side by side with
the error, a row per channel; in three the central slice z = const is shown. A GIF stays within a few MB: frames
and pixels are bounded.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cape.figures import panels
from cape.figures.canvas import recording
from cape.figures.panels import ERROR, PREDICTION, TRUTH, Frames

MOST_FRAMES, MOST_CHANNELS = 60, 4
_PIXELS = 10e6  # of all frames together; a pixel of a smooth field takes about a quarter of a byte in a GIF
_DOTS = (60, 100)  # per inch
_CURVES = {TRUTH: {"color": "k", "lw": 2.4, "alpha": 0.45}, PREDICTION: {"color": "#D55E00", "lw": 1.5}}


def animate(
    frames_by_title: Mapping[str, Frames],
    path: str | Path,
    times: Float[np.ndarray, " time"],
    *,
    channel_names: Sequence[str] = ("u",),
    coordinates: Sequence[Float[np.ndarray, " n"]] | None = None,
    caption: str = "",
    most_frames: int = MOST_FRAMES,
    seconds: float = 6.0,
) -> Path:
    """Write an animation of fields over time, .gif or .mp4, whole or not at all; give its path.

    Args:
        frames_by_title: [time, *space, channel] in 1D, 2D or 3D, all of one shape: {"truth": ..., "prediction":
            ...} (the error is added in 2D and 3D), {"prediction": ...} alone, or any other titles.
        path: file to write; the suffix chooses the format, MP4 needs the program ffmpeg.
        times: of the frames, in the units of the data.
        channel_names: one per channel; of more than MOST_CHANNELS the first ones are drawn.
        coordinates: cell centres, one array per axis; without them cells of a unit box.
        caption: what is shown, such as "Nu = 0.01 (interpolated)"; the time is put after it.
        most_frames: of more an evenly spaced choice is drawn, the first and the last included; fewer of large
            pictures, so that a GIF stays small.
        seconds: how long it lasts at most; no less than 4 frames a second.

    Raises:
        ValueError: another suffix, shapes that do not fit together, or MP4 without ffmpeg.
        ImportError: matplotlib is not installed.
    """
    times = np.asarray(times)
    frames_by_title = {title: np.asarray(frames) for title, frames in frames_by_title.items()}
    panels.check_frames(frames_by_title, times, channel_names)
    first = next(iter(frames_by_title.values()))
    coordinates = panels.cells(first.shape[1:-1]) if coordinates is None else coordinates
    few = {title: frames[..., :MOST_CHANNELS] for title, frames in frames_by_title.items()}
    picture = (_Curves if first.ndim == 3 else _Fields)(few, coordinates, channel_names[:MOST_CHANNELS])
    width, height = picture.size
    room = _PIXELS / (width * height)  # frames times squared dots per inch
    chosen = panels.evenly(len(times), min(most_frames, int(room / _DOTS[0] ** 2)))
    dots = float(np.clip(np.sqrt(room / len(chosen)), *_DOTS))
    with recording(path, width, height, max(len(chosen) / seconds, 4.0), dots) as (canvas, record):
        title = canvas.suptitle(_stamp(caption, times[0], times), x=0.02, ha="left", fontsize=10)
        picture.open(canvas)
        for frame in chosen:
            title.set_text(_stamp(caption, times[frame], times))
            record([title, *picture.show(frame)])
    return Path(path)


class _Curves:
    """One panel per channel, a curve per title."""

    def __init__(self, frames: dict[str, Frames], coordinates, channel_names):
        self.frames, self.x, self.channels = frames, coordinates[0], channel_names
        self.size = (6.4, 0.6 + (3.0 if len(channel_names) == 1 else 1.9 * len(channel_names)))
        self.lines: list = []

    def open(self, canvas) -> None:
        grid = canvas.subplots(len(self.channels), 1, sharex=True, squeeze=False)[:, 0]
        reference = panels.reference(self.frames)
        for channel, axes in enumerate(grid):
            for title, frames in self.frames.items():
                line = axes.plot(self.x, np.zeros(len(self.x)), label=title, **_CURVES.get(title, {}))[0]
                self.lines.append((line, frames[:, :, channel]))
            low, high = _limits(reference[:, :, channel])
            axes.set(ylabel=self.channels[channel], ylim=(low, high), xlim=panels.extent([self.x]))
        grid[-1].set_xlabel("x")
        canvas.legend(*grid[0].get_legend_handles_labels(), loc="upper right", ncols=4)

    def show(self, frame: int) -> list:
        for line, values in self.lines:
            line.set_ydata(values[frame])
        return [line for line, _ in self.lines]


class _Fields:
    """A row per channel, a column per title and prediction − truth; one title alone: a column per channel."""

    def __init__(self, frames: dict[str, Frames], coordinates, channel_names):
        self.frames = panels.with_error({title: panels.plane(fields) for title, fields in frames.items()})
        self.channels = channel_names
        self.box, tall = panels.box(coordinates)
        rows, columns = len(channel_names), len(self.frames)
        self.grid = (rows, columns) if columns > 1 else (1, rows)
        width = 2.5 if max(self.grid) > 1 else 4.2
        self.size = (0.7 + (width + 0.4) * self.grid[1], 0.7 + width * tall * self.grid[0])
        self.images: list = []

    def open(self, canvas) -> None:
        grid = canvas.subplots(*self.grid, sharex=True, sharey=True, squeeze=False)
        alone = len(self.frames) == 1
        for channel, line in enumerate(grid.T if alone else grid):
            fields = {title: frames[..., channel] for title, frames in self.frames.items()}
            shown = panels.without_error(fields)
            scale = panels.field_scale(panels.reference(fields), list(shown.values()))
            for axes, (title, values) in zip(line, fields.items(), strict=True):
                own = panels.error_scale(values, scale) if title == ERROR else scale
                image = axes.imshow(values[0].T, **self.box, **own.style)
                axes.set_facecolor("0.6")  # where a prediction is not finite
                self.images.append((image, values))
                if title in (ERROR, list(shown)[-1]):
                    canvas.colorbar(image, ax=axes, extend=own.extend, shrink=0.9, pad=0.02, aspect=18)
                if alone or channel == 0:
                    axes.set_title(f"{title} ({self.channels[channel]})" if alone else title)
            if not alone:
                line[0].set_ylabel(self.channels[channel])

    def show(self, frame: int) -> list:
        for image, values in self.images:
            image.set_data(values[frame].T)
        return [image for image, _ in self.images]


def _limits(reference: np.ndarray) -> tuple[float, float]:
    values = reference[np.isfinite(reference)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    room = 0.12 * (high - low) or 0.05 * abs(low) or 1.0
    return low - room, high + room


def _stamp(caption: str, time: float, times: np.ndarray) -> str:
    """Write the caption and the time, with as many digits at every frame."""
    step = float(times[-1] - times[0]) / max(len(times) - 1, 1)
    digits = next((d for d in range(6) if abs(round(step, d) - step) <= 1e-3 * step), 6)
    return f"{caption}   t = {time:.{digits}f}".strip()
