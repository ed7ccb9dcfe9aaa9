"""Figures and animations of a file of predictions: its first initial condition at a few parameter values."""

import shutil
from pathlib import Path

import numpy as np

from cape.datasets.opening import open_files
from cape.datasets.simulate.writer import refuse_existing
from cape.datasets.trajectories import Trajectories
from cape.figures import style
from cape.figures.animation import animate
from cape.figures.field_panels import field_panels
from cape.figures.field_series import PREDICTION, FieldSeries, evenly
from cape.figures.space_time import space_time_panels

MOST_VALUES = 4
_MOST_FRAMES = {1: 400, 2: 60, 3: 30}  # number of frames that are read, by dimension


def figure_paths(file: str | Path, *, plot: bool, animate: bool, overwrite: bool) -> list[Path]:
    """Return the paths of a file's figures: NAME.png (plot), NAME.gif and, if ffmpeg is found, NAME.mp4 (animate).

    Raises:
        ValueError: the file itself has such a name.
        FileExistsError: one of them exists and `overwrite` is false.
        ImportError: matplotlib is not installed.
    """
    videos = [".gif", ".mp4"] if shutil.which("ffmpeg") is not None else [".gif"]
    suffixes = [".png"] * plot + videos * animate
    if suffixes:
        style.require()
    paths = [Path(file).with_suffix(suffix) for suffix in suffixes]
    if Path(file) in paths:
        raise ValueError(f"{file}: the name of a figure; expected a name such as {Path(file).stem}.hdf5")
    refuse_existing(paths, overwrite)
    return paths


def draw_prediction(file: str | Path, path: Path) -> Path:
    """Draw what a file predicts from its first initial condition, in the format of the suffix of `path`; return it.

    A .gif or .mp4 is an animation. Any other suffix is a figure: over space and time in 1D, fields at a few times in
    2D, their central slices in 3D. Of more than MOST_VALUES parameter values an evenly spaced choice is shown.
    """
    shown = _first_initial_condition(open_files(file))
    moving = path.suffix in (".gif", ".mp4")
    columns = next((n for n in (4, 5, 3) if (shown.frames - 1) % (n - 1) == 0), 4)
    most = columns if shown.dimension > 1 and not moving else _MOST_FRAMES[shown.dimension]
    shown = shown.subsample(time=max(1, (shown.frames - 1) // (most - 1)))
    titles, caption = _titles(shown)
    frames = dict(zip(titles, shown.read(), strict=True))
    series = FieldSeries(frames, shown.times, shown.channel_names, shown.coordinates, caption)
    if moving:
        return animate(series, path)
    figure = space_time_panels(series) if shown.dimension == 1 else field_panels(series, columns)
    return style.save(figure, path)


def _first_initial_condition(trajectories: Trajectories) -> Trajectories:
    """Select the samples of the first initial condition, at MOST_VALUES parameter values at most."""
    same = np.flatnonzero(trajectories.initial_conditions == trajectories.initial_conditions[0])
    return trajectories.select(same[evenly(len(same), MOST_VALUES)])


def _titles(trajectories: Trajectories) -> tuple[list[str], str]:
    """Return a title for each sample, with the parameters that differ, and a caption with the others."""
    named = list(zip(trajectories.parameter_names, trajectories.parameters.T, strict=True))
    common = ", ".join(f"{name} = {column[0]:.4g}" for name, column in named if np.ptp(column) == 0)
    if trajectories.samples == 1:
        return [PREDICTION], common
    varying = [(name, column) for name, column in named if np.ptp(column) > 0]
    titles = [
        ", ".join(f"{name} = {column[i]:.4g}" for name, column in varying)
        for i in range(trajectories.samples)
    ]
    if len(set(titles)) < len(titles):  # the same value twice, or values that differ in later digits
        titles = [f"{title} ({i + 1})".strip() for i, title in enumerate(titles)]
    return titles, f"{PREDICTION}   {common}".strip()
