"""Figures of an evaluation and of a training, written as files; `pip install 'cape-jax[plot]'`.

Colours are told apart by colour-blind readers (Okabe and Ito; viridis), and kinds of parameter values by
marker or line style as well: seen, interpolated and extrapolated never differ by colour alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cape.canvas import drawing, is_wide, legend, log_axis, value_colours
from cape.evaluation import KINDS, Evaluation, Example, Row

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
KIND_COLOURS = {"seen": "#0072B2", "interpolated": "#009E73", "extrapolated": "#D55E00"}
MARKERS = {"seen": "o", "interpolated": "s", "extrapolated": "^"}
LINES = {"seen": "-", "interpolated": "--", "extrapolated": ":"}
GREY, SHADE = "0.55", "0.93"
TAG = {"fontsize": 9, "bbox": {"facecolor": "w", "alpha": 0.85, "edgecolor": "none", "pad": 2}}


def write_figures(evaluation: Evaluation, folder: str | Path) -> list[Path]:
    """Draw every figure an evaluation allows into a folder, as PNG; give their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    varying = _varying(evaluation)
    paths = [folder / "error_over_time.png"]
    error_over_time(evaluation, paths[0])
    for name in varying:
        paths.append(folder / ("error_over_parameter" + (f"_{name}" if len(varying) > 1 else "") + ".png"))
        error_over_parameter(evaluation, paths[-1], parameter=name)
    if evaluation.examples and evaluation.examples[0].truth.ndim == 3:
        paths.append(folder / "space_time.png")
        space_time(evaluation.examples, paths[-1])
    return paths


def error_over_parameter(
    evaluations: Evaluation | Mapping[str, Evaluation],
    path: str | Path,
    parameter: str | None = None,
    figure: str = "nRMSE",
) -> None:
    """Draw the error against the parameter, the trained range shaded and the trained values marked below.

    Args:
        evaluations: one, or several by label; the first gives trained values and persistence.
        parameter: default is the first that varies; rows equal in all others are joined by a line.
        figure: any of `cape.evaluation.FIGURES`.

    Raises:
        ValueError: the parameter is not one of the evaluation's.
    """
    several = evaluations if isinstance(evaluations, Mapping) else {"": evaluations}
    first = next(iter(several.values()))
    parameter = _varying(first)[0] if parameter is None else parameter
    for evaluation in several.values():
        if parameter not in evaluation.parameter_names:
            raise ValueError(f"no parameter {parameter!r}: expected one of {evaluation.parameter_names}")
    trained = first.training_values[:, first.parameter_names.index(parameter)]

    with drawing(path, 7.0, 4.2) as canvas:
        axes = canvas.subplots()
        axes.axvspan(trained.min(), trained.max(), color=SHADE, zorder=0, label="trained range")
        marks = {"transform": axes.get_xaxis_transform(), "ls": "", "label": "trained value"}
        axes.plot(trained, np.full(trained.shape, 0.018), marker="|", color="k", ms=9, **marks)
        if figure in ("RMSE", "nRMSE"):
            for line in _lines(first, parameter):
                x, y = _points(line, parameter, f"persistence_{figure}")
                axes.plot(x, y, color=GREY, lw=1, label="persistence")
        for number, (name, evaluation) in enumerate(several.items()):
            colour = COLOURS[number % len(COLOURS)] if name else None
            _draw_errors(axes, evaluation, parameter, figure, name, colour)
        for kind in KINDS:
            if any(row.kind == kind for evaluation in several.values() for row in evaluation.rows):
                colour = KIND_COLOURS[kind] if "" in several else GREY
                axes.plot([], [], marker=MARKERS[kind], ls="", ms=7, color=colour, label=kind)
        axes.margins(y=0.12)
        values = [row.parameters[parameter] for e in several.values() for row in e.rows]
        if is_wide(np.append(trained, values)):
            log_axis(axes, "x")
        log_axis(axes, "y")
        axes.set(xlabel=parameter, ylabel=figure)
        _name_lines(axes, first, parameter, figure)
        legend(canvas, axes)


def _draw_errors(
    axes, evaluation: Evaluation, parameter: str, figure: str, name: str, colour: str | None
) -> None:
    """Draw one evaluation: lines, a marker per kind, a cross at the top where it diverged."""
    for line in _lines(evaluation, parameter):
        x, y = _points(line, parameter, figure)
        axes.plot(x, y, color=colour or "0.3", lw=1.4 if colour else 1.0, label=name or None, zorder=2)
    for kind in KINDS:
        rows = [row for row in evaluation.rows if row.kind == kind]
        if not rows:
            continue
        x, y = _points(rows, parameter, figure)
        style = {"color": colour or KIND_COLOURS[kind], "ls": "", "ms": 7, "zorder": 3}
        axes.plot(x, y, marker=MARKERS[kind], mec="w", mew=0.7, **style)
        lost = x[~np.isfinite(y)]
        if lost.size:
            style |= {"transform": axes.get_xaxis_transform(), "clip_on": False, "label": "diverged"}
            axes.plot(lost, np.full(lost.shape, 0.98), marker="x", mew=2, **style)


def _name_lines(axes, evaluation: Evaluation, parameter: str, figure: str) -> None:
    """Write the values of the other parameters, where there are any, beside the last point of each line."""
    ends = []
    for line in _lines(evaluation, parameter):
        name = ", ".join(f"{n} = {v:.3g}" for n, v in line[-1].parameters.items() if n != parameter)
        x, y = _points(line, parameter, figure)
        held = np.flatnonzero(np.isfinite(y))
        if name and held.size:
            ends.append((float(y[held[-1]]), float(x[held[-1]]), name))
    points, lowest = 72 / axes.figure.dpi, -np.inf
    for y, x, name in sorted(ends):
        height = axes.transData.transform((x, y))[1] * points
        lowest = max(height, lowest + 10)  # in points: texts never overlap
        place = {"textcoords": "offset points", "va": "center", "fontsize": 8, "color": "0.3"}
        axes.annotate(name, (x, y), (7, lowest - height), annotation_clip=False, **place)


def error_over_time(evaluation: Evaluation, path: str | Path, figure: str = "nRMSE") -> None:
    """Draw one error curve per parameter value, coloured by the first parameter that varies."""
    parameter = _varying(evaluation)[0]
    with drawing(path, 7.0, 4.2) as canvas:
        axes = canvas.subplots()
        values = np.array([row.parameters[parameter] for row in evaluation.rows])
        colours = value_colours(canvas, axes, values, parameter)
        for row, colour in zip(evaluation.rows, colours, strict=True):
            curve = np.where(np.isfinite(row.over_time[figure]), row.over_time[figure], np.nan)
            axes.plot(evaluation.times, curve, color=colour, ls=LINES[row.kind], lw=1.6)
            held = np.flatnonzero(np.isfinite(curve))
            if 0 < held.size < curve.size:
                end = (evaluation.times[held[-1]], curve[held[-1]])
                axes.plot(*end, marker="x", color=colour, ls="", mew=2, label="diverged")
        for kind in KINDS:
            if any(row.kind == kind for row in evaluation.rows):
                axes.plot([], [], color="k", ls=LINES[kind], label=kind)
        if figure in ("RMSE", "nRMSE"):
            still = np.mean([row.over_time[f"persistence_{figure}"] for row in evaluation.rows], axis=0)
            axes.plot(evaluation.times, still, color=GREY, lw=1, label="persistence (mean)")
        log_axis(axes, "y")
        axes.set(xlabel="time", ylabel=figure)
        legend(canvas, axes)


def space_time(examples: Sequence[Example], path: str | Path, channel: int = 0, rows: int = 4) -> None:
    """Draw truth, prediction and error of 1D examples over time and space, one row per parameter value.

    Truth and prediction share one colour scale; the error has its own, symmetric about zero. Of more examples
    than `rows` an evenly spaced choice is drawn, the first and the last included.

    Raises:
        ValueError: no examples, or not in one space dimension.
    """
    if not examples or any(example.truth.ndim != 3 for example in examples):
        raise ValueError("space-time panels need examples in one space dimension: [time, x, channel] each")
    chosen = sorted({round(i) for i in np.linspace(0, len(examples) - 1, min(rows, len(examples)))})
    with drawing(path, 9.5, 0.5 + 1.75 * len(chosen)) as canvas:
        grid = canvas.subplots(len(chosen), 3, sharex=True, sharey=True, squeeze=False)
        for line, example in zip(grid, [examples[i] for i in chosen], strict=True):
            _draw_space_time(canvas, line, example, channel)
        for axes, title in zip(grid[0], ("truth", "prediction", "prediction − truth"), strict=True):
            axes.set_title(f"{title} ({examples[0].channel_names[channel]})" if title == "truth" else title)
        for axes in grid[-1]:
            axes.set_xlabel("time")


def _draw_space_time(canvas, line, example: Example, channel: int) -> None:
    truth, prediction = example.truth[:, :, channel].T, example.prediction[:, :, channel].T
    error = prediction - truth
    top = np.abs(error[np.isfinite(error)]).max(initial=0.0) or 1.0
    x, t = example.coordinates[0], example.times
    edges = [edge for axis in (t, x) for edge in (axis[0] - _half(axis), axis[-1] + _half(axis))]
    box = {"extent": edges, "origin": "lower", "aspect": "auto", "interpolation": "nearest"}
    scale = {"vmin": truth.min(), "vmax": truth.max(), "cmap": "viridis"}
    shown = line[0].imshow(truth, **box, **scale)
    line[1].imshow(prediction, **box, **scale)
    wrong = line[2].imshow(error, **box, vmin=-top, vmax=top, cmap="RdBu_r")
    canvas.colorbar(shown, ax=line[:2], pad=0.01, aspect=12)
    canvas.colorbar(wrong, ax=line[2], pad=0.02, aspect=12)
    for axes in line:
        axes.set_facecolor("0.6")  # where the prediction is not finite
    line[0].set_ylabel("x")
    value = ", ".join(f"{name} = {number:.4g}" for name, number in example.parameters.items())
    line[0].text(0.02, 0.96, f"{value}  ({example.kind})", transform=line[0].transAxes, va="top", **TAG)
    if not np.isfinite(prediction).all():
        line[1].text(0.97, 0.05, "diverged", transform=line[1].transAxes, ha="right", **TAG)


def _half(centres: np.ndarray) -> float:
    return (centres[-1] - centres[0]) / max(len(centres) - 1, 1) / 2


def training_curves(records: Sequence[Mapping[str, object]], path: str | Path) -> None:
    """Draw training loss and validation error over the optimiser steps, the phases shaded and named.

    Args:
        records: dicts with "step" and any of "loss", "validation_error", "phase", in order.

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
            best = validation[np.argmin(np.nan_to_num(validation[:, 1], nan=np.inf))]
            panels[1].plot(*validation.T, color=COLOURS[1], marker="o", ms=3.5, lw=1.4)
            panels[1].plot(*best, marker="*", ms=13, color=COLOURS[1], mec="k", mew=0.7, ls="")
            panels[1].annotate(f"best {best[1]:.3g}", best, (0, -17), textcoords="offset points", ha="center")
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


def _varying(evaluation: Evaluation) -> list[str]:
    """Parameters with more than one value; the first one where none varies."""
    names = evaluation.parameter_names
    return [n for n in names if len({row.parameters[n] for row in evaluation.rows}) > 1] or [names[0]]


def _lines(evaluation: Evaluation, parameter: str) -> list[list[Row]]:
    """Rows that differ in this parameter only, sorted by it."""
    lines: dict[tuple, list[Row]] = {}
    for row in sorted(evaluation.rows, key=lambda row: row.parameters[parameter]):
        lines.setdefault(tuple(v for n, v in row.parameters.items() if n != parameter), []).append(row)
    return list(lines.values())


def _points(rows: Sequence[Row], parameter: str, figure: str) -> tuple[np.ndarray, np.ndarray]:
    x = np.array([row.parameters[parameter] for row in rows])
    return x, np.array([row.values[figure] for row in rows])


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
