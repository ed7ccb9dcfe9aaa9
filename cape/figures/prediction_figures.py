"""Pictures of a file of predictions: its first initial condition at a few parameter values, still or moving."""

import shutil
from pathlib import Path

import numpy as np

from cape.datasets.opening import open_files
from cape.datasets.simulate.writer import refuse_existing
from cape.datasets.trajectories import Trajectories
from cape.figures import canvas
from cape.figures.panels import PREDICTION, evenly

MOST_VALUES = 4
_MOST_FRAMES = {1: 400, 2: 60, 3: 30}  # read for a picture or a film, by dimension


def paths_beside(file: str | Path, *, plot: bool, animate: bool, overwrite: bool) -> list[Path]:
    """Name the pictures of a file: NAME.png, NAME.gif and, where the program ffmpeg is there, NAME.mp4.

    Raises:
        ValueError: the file itself has such a name.
        FileExistsError: one is there and `overwrite` is false.
        ImportError: matplotlib is not installed.
    """
    suffixes = (
        [".png"] * plot + [".gif"] * animate + [".mp4"] * (animate and shutil.which("ffmpeg") is not None)
    )
    if suffixes:
        canvas.require()
    pictures = [Path(file).with_suffix(suffix) for suffix in suffixes]
    if Path(file) in pictures:
        raise ValueError(f"{file}: the name of a picture; expected one such as {Path(file).stem}.hdf5")
    refuse_existing(pictures, overwrite)
    return pictures


def draw(file: str | Path, path: Path) -> Path:
    """Draw what a file predicts from its first initial condition, in the format of the suffix of `path`.

    A .png holds panels over space and time in 1D, fields at a few times in 2D, the central slices of them in 3D;
    .gif and .mp4 are films. Of more parameter values than MOST_VALUES an evenly spaced choice is shown.
    """
    from cape.figures.animation import animate
    from cape.figures.field_panels import field_panels
    from cape.figures.space_time import space_time_panels

    shown = _first_initial_condition(open_files(file))
    moving = path.suffix != ".png"
    columns = next((n for n in (4, 5, 3) if (shown.frames - 1) % (n - 1) == 0), 4)
    most = columns if shown.dimension > 1 and not moving else _MOST_FRAMES[shown.dimension]
    shown = shown.subsample(time=max(1, (shown.frames - 1) // (most - 1)))
    titles, caption = _titles(shown)
    names = {"channel_names": shown.channel_names, "coordinates": shown.coordinates, "caption": caption}
    frames = dict(zip(titles, shown.read(), strict=True))
    if moving:
        animate(frames, path, shown.times, **names)
    elif shown.dimension == 1:
        space_time_panels(frames, path, shown.times, **names)
    else:
        field_panels(frames, path, shown.times, columns=columns, **names)
    return path


def _first_initial_condition(trajectories: Trajectories) -> Trajectories:
    same = np.flatnonzero(trajectories.initial_conditions == trajectories.initial_conditions[0])
    return trajectories.select(same[evenly(len(same), MOST_VALUES)])


def _titles(trajectories: Trajectories) -> tuple[list[str], str]:
    """Give a title for each sample, from the parameters that differ, and a caption, from those that do not."""
    named = list(zip(trajectories.parameter_names, trajectories.parameters.T, strict=True))
    common = ", ".join(f"{name} = {column[0]:.4g}" for name, column in named if np.ptp(column) == 0)
    if trajectories.samples == 1:
        return [PREDICTION], common
    varying = [(name, column) for name, column in named if np.ptp(column) > 0]
    titles = [
        ", ".join(f"{name} = {column[i]:.4g}" for name, column in varying)
        for i in range(trajectories.samples)
    ]
    if len(set(titles)) < len(titles):  # the same value twice, or values that differ by less than is written
        titles = [f"{title} ({i + 1})".strip() for i, title in enumerate(titles)]
    return titles, f"{PREDICTION}   {common}".strip()
