"""What every figure is drawn on; the only file that imports matplotlib, and only when a figure is drawn.

No pyplot, so no global state and no display: figures are objects, saved whole or not at all.
"""

import importlib.util
import os
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
