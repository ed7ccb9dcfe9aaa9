"""The error of one or several evaluations against the parameters."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cape.evaluation.evaluation import KINDS, Evaluation, Row
from cape.figures.palette import COLOURS, GREY, KIND_COLOURS, MARKERS, SHADE
from cape.figures.style import SMALL_TEXT, drawing, is_wide, legend, log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMED_LINES = 4


def error_over_parameter(
    evaluations: Evaluation | Mapping[str, Evaluation], parameter: str | None = None, metric: str = "nRMSE"
) -> "Figure":
    """Draw the error against the parameters; return the figure.

    The trained range is shaded and the trained values are marked below. Values that are equal in all other parameters
    are joined by a line.

    Args:
        evaluations: one, or several by label. Trained values and persistence are those of the first one.
        parameter: draw this one alone; default: a panel for each parameter that varies.
        metric: name of an error in the evaluations, see `Evaluation.error_names`.

    Raises:
        ValueError: the evaluations have no such parameter or error.
        ImportError: matplotlib is not installed.
    """
    several = evaluations if isinstance(evaluations, Mapping) else {"": evaluations}
    first = next(iter(several.values()))
    shown = varying(first) if parameter is None else [parameter]
    for evaluation in several.values():
        if not set(shown) <= set(evaluation.parameter_names):
            raise ValueError(f"no parameter {shown[0]!r}: expected one of {evaluation.parameter_names}")
        check_error(evaluation, metric)
    with drawing(7.0 if len(shown) == 1 else 0.8 + 3.4 * len(shown), 4.2) as figure:
        panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, shown, strict=True):
            _draw(axes, several, name, metric)
        panels[0].set_ylabel(metric)
        for axes, name in zip(panels, shown, strict=True):
            log_axis(axes, "y")
            if len(lines_along(first, name)) <= MOST_NAMED_LINES and len(shown) <= 2:
                _name_lines(axes, first, name, metric)
        legend(figure, panels[0])
    return figure


def check_error(evaluation: Evaluation, metric: str) -> None:
    """Raise ValueError unless the evaluation has this error."""
    if metric not in evaluation.error_names:
        raise ValueError(f"no error {metric!r}: expected one of {', '.join(evaluation.error_names)}")


def varying(evaluation: Evaluation) -> list[str]:
    """Return the parameters with more than one value; if none varies, the first one; if there is none, none."""
    names = evaluation.parameter_names
    return [n for n in names if len({row.parameters[n] for row in evaluation.rows}) > 1] or list(names[:1])


def lines_along(evaluation: Evaluation, parameter: str) -> list[list[Row]]:
    """Group the rows that differ in this parameter only, sorted by it."""
    lines: dict[tuple, list[Row]] = {}
    for row in sorted(evaluation.rows, key=lambda row: row.parameters[parameter]):
        lines.setdefault(tuple(v for n, v in row.parameters.items() if n != parameter), []).append(row)
    return list(lines.values())


def _draw(axes: "Axes", several: Mapping[str, Evaluation], parameter: str, metric: str) -> None:
    """Draw one panel: trained range and values, persistence, every evaluation."""
    first = next(iter(several.values()))
    trained = np.unique(first.training_values[:, first.parameter_names.index(parameter)])
    axes.axvspan(trained.min(), trained.max(), color=SHADE, zorder=0, label="trained range")
    marks: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "ls": "", "label": "trained value"}
    axes.plot(trained, np.full(trained.shape, 0.018), marker="|", color="k", ms=9, **marks)
    if f"persistence_{metric}" in first.error_names:
        for line in lines_along(first, parameter):
            x, y = _points(line, parameter, f"persistence_{metric}")
            axes.plot(x, y, color=GREY, lw=1, ls=(0, (1, 1)), marker="_", ms=6, label="persistence")
    for number, (name, evaluation) in enumerate(several.items()):
        colour = COLOURS[number % len(COLOURS)] if name else None
        _draw_errors(axes, evaluation, parameter, metric, name, colour)
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
    axes: "Axes", evaluation: Evaluation, parameter: str, metric: str, name: str, colour: str | None
) -> None:
    """Draw one evaluation: lines, a marker for each value by its kind, a cross at the top if it diverged."""
    for line in lines_along(evaluation, parameter):
        x, y = _points(line, parameter, metric)
        axes.plot(x, y, color=colour or "0.3", lw=1.4 if colour else 1.0, label=name or None, zorder=2)
    for kind in KINDS:
        rows = [row for row in evaluation.rows if row.kind == kind]
        if not rows:
            continue
        x, y = _points(rows, parameter, metric)
        style: dict[str, Any] = {"color": colour or KIND_COLOURS[kind], "ls": "", "ms": 7, "zorder": 3}
        axes.plot(x, y, marker=MARKERS[kind], mec="w", mew=0.7, **style)
        lost = x[~np.isfinite(y)]
        if lost.size:
            style |= {"transform": axes.get_xaxis_transform(), "clip_on": False, "label": "diverged"}
            axes.plot(lost, np.full(lost.shape, 0.98), marker="x", mew=2, **style)


def _name_lines(axes: "Axes", evaluation: Evaluation, parameter: str, metric: str) -> None:
    """Write the values of the other parameters, if there are any, next to the last point of each line."""
    ends = []
    for line in lines_along(evaluation, parameter):
        name = ", ".join(f"{n} = {v:.3g}" for n, v in line[-1].parameters.items() if n != parameter)
        x, y = _points(line, parameter, metric)
        finite = np.flatnonzero(np.isfinite(y))
        if name and finite.size:
            ends.append((float(y[finite[-1]]), float(x[finite[-1]]), name))
    ends.sort()
    points = 72 / axes.figure.dpi  # per pixel
    heights = [axes.transData.transform((end_x, end_y))[1] * points for end_y, end_x, _ in ends]
    for (end_y, end_x, name), height, moved in zip(ends, heights, spread(heights, 10), strict=True):
        style: dict[str, Any] = {
            "textcoords": "offset points",
            "va": "center",
            "fontsize": SMALL_TEXT,
            "color": "0.3",
        }
        axes.annotate(name, (end_x, end_y), (7, moved - height), annotation_clip=False, **style)


def spread(heights: Sequence[float], distance: float) -> list[float]:
    """Move increasing heights as little as possible, so that they are at least `distance` apart."""
    groups: list[tuple[float, int]] = []  # lowest height and number of heights, `distance` apart
    for height in heights:
        lowest, count = height, 1
        while groups and groups[-1][0] + groups[-1][1] * distance > lowest:
            below, more = groups.pop()  # the groups overlap and become one, with the same mean distance moved
            lowest = (below * more + (lowest - more * distance) * count) / (more + count)
            count += more
        groups.append((lowest, count))
    return [low + i * distance for low, count in groups for i in range(count)]


def _points(rows: Sequence[Row], parameter: str, metric: str) -> tuple[np.ndarray, np.ndarray]:
    x = np.array([row.parameters[parameter] for row in rows])
    return x, np.array([row.values[metric] for row in rows])
