"""What every figure is drawn on; the only file that imports matplotlib, and only when a figure is drawn.

No pyplot, so no global state and no display: figures are objects, saved whole or not at all.
"""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "savefig.dpi": 140,
}


def require() -> None:
    """Raise ImportError, saying what to do, where matplotlib is not installed; does not import it."""
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError("figures need matplotlib: pip install 'cape-jax[plot]'")


@contextmanager
def drawing(path: str | Path, width: float, height: float) -> Iterator:
    """Give an empty matplotlib figure (inches) and save it as `path` in the format of its suffix.

    Raises:
        ImportError: matplotlib is not installed.
    """
    require()
    import matplotlib
    from matplotlib.figure import Figure

    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with matplotlib.rc_context(STYLE):
        canvas = Figure(figsize=(width, height), layout="constrained")
        yield canvas
        try:
            canvas.savefig(temporary, format=path.suffix[1:] or "png")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def recording(
    path: str | Path, width: float, height: float, frames_per_second: float, dots_per_inch: float
) -> Iterator[tuple]:
    """Give an empty matplotlib figure (inches) and a function that records it as the next frame.

    The layout is settled at the first frame and stays. The file, .gif or .mp4, appears whole or not at all.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: another suffix, or .mp4 where the program ffmpeg is not found.
    """
    require()
    path = Path(path)
    if path.suffix not in (".gif", ".mp4"):
        raise ValueError(f"{path}: an animation is written as .gif or .mp4, got the suffix {path.suffix!r}")
    if path.suffix == ".mp4" and shutil.which("ffmpeg") is None:
        raise ValueError(
            f"{path}: MP4 needs the program ffmpeg, which is not found; install it, or write .gif"
        )
    import matplotlib
    from matplotlib.animation import FFMpegWriter, PillowWriter
    from matplotlib.figure import Figure

    writer = (PillowWriter if path.suffix == ".gif" else FFMpegWriter)(fps=frames_per_second)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    with matplotlib.rc_context(STYLE | {"savefig.dpi": dots_per_inch}):
        canvas = Figure(figsize=(width, height), dpi=dots_per_inch, layout="constrained")

        def record() -> None:
            if canvas.get_layout_engine() is not None:
                canvas.draw_without_rendering()
                canvas.set_layout_engine("none")
            writer.grab_frame()

        try:
            with writer.saving(canvas, str(temporary), dots_per_inch):
                yield canvas, record
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def is_wide(values: np.ndarray) -> bool:
    """Tell whether values are positive and spread over more than a decade, so that a log axis suits them."""
    return bool(values.min() > 0 and values.max() > 10 * values.min())


def log_axis(axes, which: str) -> None:
    """Make the "x" or "y" axis logarithmic, labelled with plain numbers, also over less than a decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axes.set(**{f"{which}scale": "log"})
    axis = getattr(axes, f"{which}axis")
    low, high = axis.get_view_interval()
    if high < 5 * low:
        axis.set_major_locator(MaxNLocator(5))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1600 * low else (1,), numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    axis.set_minor_formatter(NullFormatter())


def value_colours(canvas, axes, values: np.ndarray, label: str) -> np.ndarray:
    """Give one colour per value, logarithmic where that suits them, and draw the colour bar."""
    import matplotlib
    from matplotlib import cm, colors

    norm = (colors.LogNorm if is_wide(values) else colors.Normalize)(values.min(), values.max())
    # Without the lightest end of viridis, which a line on white does not show.
    shades = colors.ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0, 0.92, 256)))
    bar = canvas.colorbar(cm.ScalarMappable(norm, shades), ax=axes, label=label, pad=0.02)
    if is_wide(values):
        log_axis(bar.ax, "y")
    return shades(norm(values))


def legend(canvas, axes) -> None:
    """Put one entry per label above the axes."""
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    style = {"ncols": min(len(unique), 5), "columnspacing": 1.2, "handlelength": 1.6, "handletextpad": 0.5}
    canvas.legend(unique.values(), unique.keys(), loc="outside upper center", **style)
