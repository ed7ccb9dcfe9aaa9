"""The style of all figures: empty figures, saving and recording them, their axes and sizes of text.

This is the only file that imports matplotlib, and only when something is drawn. It does not use pyplot, so there is
no global state and no display is needed.
"""

import functools
import importlib.util
import io
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cape.atomic import replacing
from cape.figures.video import write_gif, write_mp4

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEXT = 10  # points; the sizes below follow it
SMALL_TEXT, NOTE_TEXT, TITLE_TEXT = 0.8 * TEXT, 0.9 * TEXT, 1.1 * TEXT
STYLE: Any = {
    "font.size": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": TEXT,
    "legend.frameon": False,
    "legend.fontsize": NOTE_TEXT,
}
DOTS_PER_INCH = 140
_LABEL_WIDTH, _LABEL_HEIGHT = 0.55, 0.28  # inches that the label of a tick takes
_WRITERS = {".gif": write_gif, ".mp4": write_mp4}


def require() -> None:
    """Raise ImportError with the command that installs matplotlib, if it is missing; does not import it."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError("figures need matplotlib: pip install 'cape-jax[plot]'")


@contextmanager
def drawing(width: float, height: float) -> Iterator["Figure"]:
    """Yield an empty figure of this size in inches; what is drawn inside the block has this package's style.

    Raises:
        ImportError: matplotlib is not installed.
    """
    require()
    import matplotlib

    with matplotlib.rc_context(STYLE):
        yield _figure_class()(figsize=(width, height), layout="constrained")


@functools.cache
def _figure_class() -> type["Figure"]:
    """Return a class of figures that a notebook shows as the value of a cell, also without pyplot."""
    from matplotlib.figure import Figure

    class NotebookFigure(Figure):
        def _repr_png_(self) -> bytes:
            content = io.BytesIO()
            self.savefig(content, format="png", dpi=DOTS_PER_INCH)
            return content.getvalue()

    return NotebookFigure


def save(figure: "Figure", path: str | Path) -> Path:
    """Write a figure atomically, in the format of the suffix of `path`; return the path.

    Raises:
        ValueError: matplotlib does not know the format.
    """
    with replacing(path) as temporary:
        figure.savefig(temporary, format=Path(path).suffix[1:] or "png", dpi=DOTS_PER_INCH)
    return Path(path)


@contextmanager
def recording(
    path: str | Path, width: float, height: float, frames_per_second: float, dots_per_inch: float
) -> Iterator[tuple["Figure", Callable[[Iterable["Artist"]], None]]]:
    """Yield an empty figure (inches) and `record(artists)`, which adds a frame of the figure to an animation.

    `artists` are the lines, images and texts that change. Everything else is drawn once, at the first frame. The file,
    .gif or .mp4, is written atomically at the end.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: another suffix, or .mp4 without the program ffmpeg.
    """
    path = Path(path)
    _check_suffix(path)
    require()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    frames: list[Image.Image] = []
    backgrounds: list = []
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=dots_per_inch, layout="constrained")
        agg = FigureCanvasAgg(figure)

        def record(artists: Iterable["Artist"]) -> None:
            if not backgrounds:
                for artist in artists:
                    artist.set_animated(True)
                agg.draw()
                backgrounds.append(agg.copy_from_bbox(figure.bbox))
            agg.restore_region(backgrounds[0])
            for artist in artists:
                (artist.axes or figure).draw_artist(artist)
            frames.append(Image.fromarray(np.asarray(agg.buffer_rgba())).convert("RGB"))

        yield figure, record
    with replacing(path) as temporary:
        _WRITERS[path.suffix](frames, temporary, frames_per_second)


def _check_suffix(path: Path) -> None:
    if path.suffix not in _WRITERS:
        raise ValueError(f"{path}: an animation is written as .gif or .mp4, got the suffix {path.suffix!r}")
    if path.suffix == ".mp4" and shutil.which("ffmpeg") is None:
        raise ValueError(
            f"{path}: MP4 needs the program ffmpeg, which is not found; install it, or write .gif"
        )


def is_wide(values: np.ndarray) -> bool:
    """Return whether values are positive and spread over more than a decade, so that they need a logarithmic axis."""
    return bool(values.min() > 0 and values.max() > 10 * values.min())


def log_axis(axes: "Axes", which: str) -> None:
    """Make the "x" or "y" axis logarithmic, with plain numbers as labels, also over less than a decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axes.set(**{f"{which}scale": "log"})
    axis = {"x": axes.xaxis, "y": axes.yaxis}[which]
    low, high = axis.get_view_interval()
    if high < 5 * low:
        axis.set_major_locator(MaxNLocator(5))
    else:
        box, dpi = axes.get_window_extent(), axes.figure.dpi
        labels = {"x": box.width / dpi / _LABEL_WIDTH, "y": box.height / dpi / _LABEL_HEIGHT}[which]
        fit = 3 * np.log10(high / low) <= labels  # labels at 1, 2, 5 of every decade
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if fit else (1,), numticks=20 if fit else 7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}".replace("e-0", "e-")))
    axis.set_minor_formatter(NullFormatter())


def whole_numbers(axes: "Axes") -> None:
    """Put the ticks of the horizontal axis at whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def value_colours(figure: "Figure", axes: "Axes", values: np.ndarray, label: str) -> np.ndarray:
    """Return one colour per value, on a logarithmic scale if the values need one, and draw the colour bar."""
    import matplotlib
    from matplotlib import cm, colors

    norm = (colors.LogNorm if is_wide(values) else colors.Normalize)(values.min(), values.max())
    # Without the lightest end of viridis, which is hard to see as a line on white.
    shades = colors.ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0, 0.92, 256)))
    bar = figure.colorbar(cm.ScalarMappable(norm, shades), ax=axes, label=label, pad=0.02)
    if is_wide(values):
        log_axis(bar.ax, "y")
    return shades(norm(values))


def time_colours(count: int) -> np.ndarray:
    """Return one colour per time, from dark to light, so that they differ in grey too."""
    import matplotlib

    return matplotlib.colormaps["plasma"](np.linspace(0, 0.85, count))


def legend(figure: "Figure", axes: "Axes", columns: int = 0) -> None:
    """Put one entry per label above the axes, in so many columns; 0: as many as short labels need."""
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    rows = -(-len(unique) // max(int(figure.get_figwidth() / 1.3), 1))
    columns = columns or -(-len(unique) // rows)
    spacing: dict[str, Any] = {"columnspacing": 1.2, "handlelength": 1.6, "handletextpad": 0.5}
    figure.legend(unique.values(), unique.keys(), loc="outside upper center", ncols=columns, **spacing)
