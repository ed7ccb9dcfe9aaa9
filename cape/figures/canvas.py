"""What every figure and film is drawn on; the only file that imports matplotlib, and only when one is drawn.

No pyplot, so no global state and no display: figures are objects, saved whole or not at all.
"""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
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
    """Give an empty matplotlib figure (inches) and `record(artists)`, which adds a frame of it to a film.

    What is not among `artists` (lines, images, texts that change) is drawn at the first frame and stays. The file,
    .gif or .mp4, appears whole or not at all.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: another suffix, or .mp4 where the program ffmpeg is not found.
    """
    path = Path(path)
    if path.suffix not in (".gif", ".mp4"):
        raise ValueError(f"{path}: an animation is written as .gif or .mp4, got the suffix {path.suffix!r}")
    if path.suffix == ".mp4" and shutil.which("ffmpeg") is None:
        raise ValueError(
            f"{path}: MP4 needs the program ffmpeg, which is not found; install it, or write .gif"
        )
    require()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    frames: list[Image.Image] = []
    backgrounds: list = []
    with matplotlib.rc_context(STYLE):
        canvas = Figure(figsize=(width, height), dpi=dots_per_inch, layout="constrained")
        agg = FigureCanvasAgg(canvas)

        def record(artists: Iterable) -> None:
            if not backgrounds:
                for artist in artists:
                    artist.set_animated(True)
                agg.draw()
                backgrounds.append(agg.copy_from_bbox(canvas.bbox))
            agg.restore_region(backgrounds[0])
            for artist in artists:
                (artist.axes or canvas).draw_artist(artist)
            frames.append(Image.fromarray(np.asarray(agg.buffer_rgba())).convert("RGB"))

        yield canvas, record
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        (_write_gif if path.suffix == ".gif" else _write_mp4)(frames, temporary, frames_per_second)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_gif(frames: list, path: Path, frames_per_second: float) -> None:
    """One palette for all frames, so that colours and colour bars do not flicker; no dithering: it packs badly."""
    from PIL import Image

    sampled = [frames[i] for i in sorted({0, len(frames) // 2, len(frames) - 1})]
    mosaic = Image.new("RGB", (frames[0].width, frames[0].height * len(sampled)))
    for number, frame in enumerate(sampled):
        mosaic.paste(frame, (0, number * frame.height))
    palette = mosaic.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    colours, paper = np.reshape(palette.getpalette(), (-1, 3)), np.array(frames[0].getpixel((0, 0)))
    colours[np.abs(colours - paper).max(axis=1) < 8] = paper  # else white is only nearly white
    palette.putpalette(colours.ravel().tolist())
    first, *others = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    first.save(path, save_all=True, append_images=others, duration=round(1000 / frames_per_second), loop=0)


def _write_mp4(frames: list, path: Path, frames_per_second: float) -> None:
    """Pipe raw frames into ffmpeg; H.264 with 4:2:0 colours, which every player knows, wants even sizes."""
    width, height = frames[0].size
    command = ["ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    command += ["-s", f"{width}x{height}", "-r", f"{frames_per_second:g}", "-i", "-"]
    command += ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white", "-pix_fmt", "yuv420p", str(path)]
    raw = b"".join(frame.tobytes() for frame in frames)
    done = subprocess.run(command, input=raw, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"ffmpeg could not write {path.name}: {done.stderr.decode(errors='replace').strip()}"
        )


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
        narrow = high < 1600 * low
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,), numticks=20 if narrow else 7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}".replace("e-0", "e-")))
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


def time_colours(count: int) -> np.ndarray:
    """Give one colour per time, from dark to light, told apart in grey too."""
    import matplotlib

    return matplotlib.colormaps["plasma"](np.linspace(0, 0.85, count))


def legend(canvas, axes) -> None:
    """Put one entry per label above the axes."""
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    rows = -(-len(unique) // max(int(canvas.get_figwidth() / 1.3), 1))
    style = {
        "ncols": -(-len(unique) // rows),
        "columnspacing": 1.2,
        "handlelength": 1.6,
        "handletextpad": 0.5,
    }
    canvas.legend(unique.values(), unique.keys(), loc="outside upper center", **style)
