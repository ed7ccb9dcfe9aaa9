"""Errors of an evaluation as figures: over the parameters, over time, and value by value.

Colours are told apart by colour-blind readers (Okabe and Ito; viridis), and kinds of parameter values by
marker or line style as well: seen, interpolated and extrapolated never differ by colour alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cape.evaluation.evaluate import KINDS, Evaluation, Row
from cape.figures.canvas import drawing, is_wide, legend, log_axis, value_colours

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
KIND_COLOURS = {"seen": "#0072B2", "interpolated": "#009E73", "extrapolated": "#D55E00"}
MARKERS = {"seen": "o", "interpolated": "s", "extrapolated": "^"}
LINES = {"seen": "-", "interpolated": "--", "extrapolated": ":"}
GREY, SHADE = "0.55", "0.93"
MOST_NAMED_LINES, MOST_LADDER_ROWS = 4, 40


def error_over_parameter(
    evaluations: Evaluation | Mapping[str, Evaluation],
    path: str | Path,
    parameter: str | None = None,
    figure: str = "nRMSE",
) -> None:
    """Draw the error against the parameters, trained ranges shaded and trained values marked below.

    Args:
        evaluations: one, or several by label; the first gives trained values and persistence.
        parameter: one to draw alone; default: a panel for each that varies. Values equal in all others are joined.
        figure: any of `cape.evaluation.evaluate.FIGURES`.

    Raises:
        ValueError: the parameter is not one of the evaluation's.
    """
    several = evaluations if isinstance(evaluations, Mapping) else {"": evaluations}
    first = next(iter(several.values()))
    shown = varying(first) if parameter is None else [parameter]
    for evaluation in several.values():
        if not set(shown) <= set(evaluation.parameter_names):
            raise ValueError(f"no parameter {shown[0]!r}: expected one of {evaluation.parameter_names}")
    with drawing(path, 7.0 if len(shown) == 1 else 0.8 + 3.4 * len(shown), 4.2) as canvas:
        panels = canvas.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, shown, strict=True):
            _draw_over(axes, several, name, figure)
        panels[0].set_ylabel(figure)
        for axes, name in zip(panels, shown, strict=True):
            log_axis(axes, "y")
            if len(lines_along(first, name)) <= MOST_NAMED_LINES and len(shown) <= 2:
                _name_lines(axes, first, name, figure)
        legend(canvas, panels[0])


def _draw_over(axes, several: Mapping[str, Evaluation], parameter: str, figure: str) -> None:
    first = next(iter(several.values()))
    trained = np.unique(first.training_values[:, first.parameter_names.index(parameter)])
    axes.axvspan(trained.min(), trained.max(), color=SHADE, zorder=0, label="trained range")
    marks = {"transform": axes.get_xaxis_transform(), "ls": "", "label": "trained value"}
    axes.plot(trained, np.full(trained.shape, 0.018), marker="|", color="k", ms=9, **marks)
    if figure in ("RMSE", "nRMSE"):
        for line in lines_along(first, parameter):
            x, y = _points(line, parameter, f"persistence_{figure}")
            axes.plot(x, y, color=GREY, lw=1, ls=(0, (1, 1)), marker="_", ms=6, label="persistence")
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
    axes.set_xlabel(parameter)


def _draw_errors(
    axes, evaluation: Evaluation, parameter: str, figure: str, name: str, colour: str | None
) -> None:
    """Draw one evaluation: lines, a marker per kind, a cross at the top where it diverged."""
    for line in lines_along(evaluation, parameter):
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
    for line in lines_along(evaluation, parameter):
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
    """Draw one error curve per parameter value, coloured by the parameter that varies; by kind if several do."""
    varied = varying(evaluation)
    with drawing(path, 7.0, 4.2) as canvas:
        axes = canvas.subplots()
        colours = [KIND_COLOURS[row.kind] for row in evaluation.rows]
        if len(varied) == 1:
            values = np.array([row.parameters[varied[0]] for row in evaluation.rows])
            colours = value_colours(canvas, axes, values, varied[0])
        for row, colour in zip(evaluation.rows, colours, strict=True):
            curve = np.where(np.isfinite(row.over_time[figure]), row.over_time[figure], np.nan)
            axes.plot(evaluation.times, curve, color=colour, ls=LINES[row.kind], lw=1.6)
            held = np.flatnonzero(np.isfinite(curve))
            if 0 < held.size < curve.size:
                end = (evaluation.times[held[-1]], curve[held[-1]])
                axes.plot(*end, marker="x", color=colour, ls="", mew=2, label="diverged")
        for kind in KINDS:
            if any(row.kind == kind for row in evaluation.rows):
                axes.plot(
                    [], [], color="k" if len(varied) == 1 else KIND_COLOURS[kind], ls=LINES[kind], label=kind
                )
        if figure in ("RMSE", "nRMSE"):
            still = np.mean([row.over_time[f"persistence_{figure}"] for row in evaluation.rows], axis=0)
            axes.plot(evaluation.times, still, color=GREY, lw=1, label="persistence (mean)")
        log_axis(axes, "y")
        axes.set(xlabel="time", ylabel=figure)
        legend(canvas, axes)


def error_by_value(evaluation: Evaluation, path: str | Path, figure: str = "nRMSE") -> None:
    """Draw the error value by value, a line for each: the mean over channels, and each channel beside it.

    Of more than MOST_LADDER_ROWS values the worst of each kind are drawn, as many as there is room for.
    """
    rows = _ladder(evaluation, figure)
    channels = list(rows[0].channels)
    with drawing(path, 7.5, 1.6 + 0.26 * len(rows)) as canvas:
        axes = canvas.subplots()
        heights = np.arange(len(rows))[::-1]
        everything = [_held([row.values[figure] for row in rows])]
        if figure in ("RMSE", "nRMSE"):
            still = np.array([row.values[f"persistence_{figure}"] for row in rows])
            axes.plot(_held(still), heights, marker="|", color=GREY, ls="", ms=9, mew=2, label="persistence")
        for number, channel in enumerate(channels):
            found = _held([row.channels[channel][figure] for row in rows])
            style = {"marker": "osD^vP"[number % 6], "mew": 0, "alpha": 0.75, "ms": 6}
            axes.plot(found, heights, color=COLOURS[number % 6], ls="", label=channel, **style)
            everything.append(found)
        axes.plot(everything[0], heights, "|", color="k", ms=12, mew=2.4, label="mean" if channels else None)
        for height, row in zip(heights, rows, strict=True):
            if row.diverged:
                text = f"{row.diverged} of {row.samples} diverged"
                axes.text(0.99, height, text, transform=axes.get_yaxis_transform(), ha="right", va="center")
        labels = [", ".join(f"{n} = {row.parameters[n]:.4g}" for n in varying(evaluation)) for row in rows]
        axes.set_yticks(heights, labels, fontsize=8)
        for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
            tick.set_color(KIND_COLOURS[row.kind])
        _name_kinds(axes, rows, heights)
        axes.set(ylim=(-0.7, len(rows) - 0.3), xlabel=figure)
        axes.grid(axis="y", color=SHADE)
        axes.set_axisbelow(True)
        log_axis(axes, "x")
        legend(canvas, axes)


def _ladder(evaluation: Evaluation, figure: str) -> list[Row]:
    """Rows by kind; of too many the worst of each kind, by parameter value again."""
    room, rows = MOST_LADDER_ROWS // len({row.kind for row in evaluation.rows}), []
    for kind in KINDS:
        here = [row for row in evaluation.rows if row.kind == kind]
        worst = sorted(here, key=lambda row: -np.nan_to_num(row.values[figure], nan=np.inf))[:room]
        rows += [row for row in here if row in worst]
    return rows


def _name_kinds(axes, rows: Sequence[Row], heights: np.ndarray) -> None:
    for kind in KINDS:
        here = [h for h, row in zip(heights, rows, strict=True) if row.kind == kind]
        if here:
            place = {"transform": axes.get_yaxis_transform(), "ha": "left", "va": "center"}
            axes.text(1.01, (here[0] + here[-1]) / 2, kind, color=KIND_COLOURS[kind], fontsize=9, **place)
            if here[-1] > 0:
                axes.axhline(here[-1] - 0.5, color="0.8", lw=0.8)


def _held(values: Sequence[float]) -> np.ndarray:
    """Leave out what has no place on a logarithmic axis."""
    found = np.asarray(values, np.float64)
    return np.where(np.isfinite(found) & (found > 0), found, np.nan)


def varying(evaluation: Evaluation) -> list[str]:
    """Parameters with more than one value; the first one where none varies, and none where there is none."""
    names = evaluation.parameter_names
    return [n for n in names if len({row.parameters[n] for row in evaluation.rows}) > 1] or list(names[:1])


def lines_along(evaluation: Evaluation, parameter: str) -> list[list[Row]]:
    """Rows that differ in this parameter only, sorted by it."""
    lines: dict[tuple, list[Row]] = {}
    for row in sorted(evaluation.rows, key=lambda row: row.parameters[parameter]):
        lines.setdefault(tuple(v for n, v in row.parameters.items() if n != parameter), []).append(row)
    return list(lines.values())


def _points(rows: Sequence[Row], parameter: str, figure: str) -> tuple[np.ndarray, np.ndarray]:
    x = np.array([row.parameters[parameter] for row in rows])
    return x, np.array([row.values[figure] for row in rows])
