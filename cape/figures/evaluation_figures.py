"""Figures of an evaluation and of a training, written as files; `pip install 'cape-jax[plot]'`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cape.evaluation.evaluate import KINDS, Evaluation, Example
from cape.figures.canvas import drawing, log_axis
from cape.figures.error_curves import (
    COLOURS,
    SHADE,
    error_by_value,
    error_over_parameter,
    error_over_time,
    varying,
)
from cape.figures.field_panels import field_panels
from cape.figures.panels import PREDICTION, TRUTH, Frames
from cape.figures.space_time import space_time, space_time_panels
from cape.figures.spectrum_panels import spectrum_panels


def write_figures(evaluation: Evaluation, folder: str | Path) -> list[Path]:
    """Draw every figure an evaluation allows into a folder, as PNG; give their paths.

    Fields are drawn of the examples, if it has any: in 1D over space and time at several parameter values, a figure
    per channel; in 2D and 3D as snapshots at one parameter value of each kind.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "error_over_time.png"]
    error_over_time(evaluation, paths[0])
    if evaluation.parameter_names:
        paths.append(folder / "error_over_parameter.png")
        error_over_parameter(evaluation, paths[-1])
    if evaluation.rows[0].channels or len(varying(evaluation)) > 1:
        paths.append(folder / "error_by_value.png")
        error_by_value(evaluation, paths[-1])
    if not evaluation.examples:
        return paths
    typical = one_of_each_kind(evaluation.examples)
    paths.append(folder / "spectra.png")
    spectrum_panels(typical, paths[-1])
    if evaluation.examples[0].truth.ndim == 3:
        names = evaluation.examples[0].channel_names
        for channel, name in enumerate(names):
            paths.append(folder / ("space_time" + (f"_{name}" if len(names) > 1 else "") + ".png"))
            space_time(evaluation.examples, paths[-1], channel)
        return paths
    for example in typical:
        paths.append(folder / f"fields_{example.kind}.png")
        picture(**comparison(example), path=paths[-1])
    return paths


def one_of_each_kind(examples: Sequence[Example]) -> list[Example]:
    """Choose the middle one of the seen, of the interpolated and of the extrapolated parameter values."""
    kinds = [[example for example in examples if example.kind == kind] for kind in KINDS]
    return [here[len(here) // 2] for here in kinds if here]


def comparison(example: Example) -> dict:
    """Give an example as the arguments of `picture` and `cape.figures.animation.animate`, all but the path."""
    return {
        "frames_by_title": {TRUTH: example.truth, PREDICTION: example.prediction},
        "times": example.times,
        "channel_names": example.channel_names,
        "coordinates": example.coordinates,
        "caption": example.caption,
    }


def picture(
    frames_by_title: Mapping[str, Frames],
    path: str | Path,
    times: Float[np.ndarray, " time"],
    *,
    channel_names: Sequence[str] = ("u",),
    coordinates: Sequence[Float[np.ndarray, " n"]] | None = None,
    caption: str = "",
) -> None:
    """Draw fields of any dimension in one figure: over space and time in 1D, else at a few times.

    Arguments and errors are those of `cape.figures.field_panels.field_panels`.
    """
    draw = space_time_panels if np.ndim(next(iter(frames_by_title.values()), 0)) == 3 else field_panels
    named = {"channel_names": channel_names, "coordinates": coordinates, "caption": caption}
    draw(frames_by_title, path, times, **named)


def training_curves(records: Sequence[Mapping[str, object]], path: str | Path) -> None:
    """Draw training loss and validation error over the optimiser steps, the phases shaded and named.

    Args:
        records: dicts with "step" and any of "loss", "validation_error", "kept", "phase", in order.

    Raises:
        ValueError: no record has a step and a loss.
    """
    loss, validation = _series(records, "loss"), _series(records, "validation_error")
    if not loss.size:
        raise ValueError("no training curve to draw: expected records with 'step' and 'loss'")
    with drawing(path, 7.0, 5.0 if validation.size else 3.2) as canvas:
        panels = canvas.subplots(1 + bool(validation.size), 1, sharex=True, squeeze=False)[:, 0]
        window = max(1, len(loss) // 100)
        means = loss[: len(loss) // window * window].reshape(-1, window, 2).mean(axis=1)
        panels[0].plot(*loss.T, color=COLOURS[0], lw=0.8, alpha=0.35)
        panels[0].plot(*means.T, color=COLOURS[0], lw=1.8)
        panels[0].set_ylabel("training loss")
        if validation.size:
            panels[1].plot(*validation.T, color=COLOURS[1], marker="o", ms=3.5, lw=1.4)
            for kept in _series([each for each in records if each.get("kept")], "validation_error")[-1:]:
                panels[1].plot(*kept, marker="*", ms=13, color=COLOURS[1], mec="k", mew=0.7, ls="")
                where = {"textcoords": "offset points", "ha": "center"}
                panels[1].annotate(f"kept, {kept[1]:.3g}", kept, (0, -17), **where)
            panels[1].margins(y=0.18)
            panels[1].set_ylabel("validation error")
        phases = _phases(records)
        centres = np.array([(start + stop) / 2 for _, start, stop in phases])
        crowded = (np.diff(centres) < 0.15 * (loss[-1, 0] - loss[0, 0])).any()
        place = {"transform": panels[0].get_xaxis_transform(), "ha": "center", "va": "bottom", "fontsize": 9}
        for number, (phase, start, stop) in enumerate(phases):
            panels[0].text(centres[number], 1.09 if crowded and number % 2 else 1.01, phase, **place)
            for axes in panels:
                axes.axvspan(start, stop, color=SHADE if number % 2 else "w", zorder=0, lw=0)
        for axes in panels:
            log_axis(axes, "y")
        panels[-1].set_xlabel("optimiser step")


def _series(records: Sequence[Mapping], key: str) -> np.ndarray:
    points = [(r["step"], r[key]) for r in records if r.get(key) is not None and "step" in r]
    return np.array(points, np.float64)


def _phases(records: Sequence[Mapping]) -> list[tuple[str, float, float]]:
    """(phase, first step, last step) of every stretch of records in one phase."""
    stretches: list[tuple[str, float, float]] = []
    for record in records:
        phase, step = record.get("phase"), record.get("step")
        if phase is None or step is None:
            continue
        if stretches and stretches[-1][0] == phase:
            stretches[-1] = (phase, stretches[-1][1], step)
        else:
            stretches.append((str(phase), stretches[-1][2] if stretches else step, step))
    return stretches
