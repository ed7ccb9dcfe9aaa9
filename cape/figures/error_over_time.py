"""The error of an evaluation over time."""

from typing import TYPE_CHECKING, Any

import numpy as np

from cape.evaluation.evaluation import KINDS, Evaluation
from cape.figures.error_over_parameter import varying
from cape.figures.palette import GREY, KIND_COLOURS, LINES
from cape.figures.style import drawing, legend, log_axis, value_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROOM = 10.0  # times the largest error without divergence: errors of diverged rollouts above it are not drawn


def error_over_time(evaluation: Evaluation, metric: str = "nRMSE") -> "Figure":
    """Draw one error curve per parameter value; return the figure.

    The colour is that of the value if one parameter varies, and that of the kind if several do.

    Args:
        metric: name of an error that has a curve over time, see `Row.over_time`.

    Raises:
        ValueError: the evaluation has no curve of this error.
        ImportError: matplotlib is not installed.
    """
    known = evaluation.rows[0].over_time
    if metric not in known:
        raise ValueError(f"no error {metric!r} over time: expected one of {', '.join(known)}")
    varied = varying(evaluation)
    by_value = len(varied) == 1
    with drawing(7.0, 4.2) as figure:
        axes = figure.subplots()
        colours: Any = [KIND_COLOURS[row.kind] for row in evaluation.rows]
        if by_value:
            values = np.array([row.parameters[varied[0]] for row in evaluation.rows])
            colours = value_colours(figure, axes, values, varied[0])
        ceiling = _ceiling(evaluation, metric)
        for row, colour in zip(evaluation.rows, colours, strict=True):
            curve = row.over_time[metric]
            shown = np.where(curve <= ceiling, curve, np.nan)
            axes.plot(evaluation.times, shown, color=colour, ls=LINES[row.kind], lw=1.6)
            if row.diverged:
                _mark_end(axes, evaluation.times, shown, colour)
        for kind in KINDS:
            if any(row.kind == kind for row in evaluation.rows):
                colour = "k" if by_value else KIND_COLOURS[kind]
                axes.plot([], [], color=colour, ls=LINES[kind], label=kind)
        if f"persistence_{metric}" in known:
            still = np.mean([row.over_time[f"persistence_{metric}"] for row in evaluation.rows], axis=0)
            axes.plot(evaluation.times, still, color=GREY, lw=1, label="persistence (mean)")
        log_axis(axes, "y")
        axes.set(xlabel="time", ylabel=metric)
        legend(figure, axes)
    return figure


def _mark_end(axes: "Axes", times: np.ndarray, curve: np.ndarray, colour) -> None:
    """Put a cross at the last point of a curve, or at the top of the axes if the curve has no point."""
    style: dict[str, Any] = {"marker": "x", "color": colour, "ls": "", "mew": 2, "label": "diverged"}
    last = np.flatnonzero(np.isfinite(curve))[-1:]
    if last.size:
        axes.plot(times[last], curve[last], **style)
    else:
        axes.plot(times[:1], [0.98], transform=axes.get_xaxis_transform(), clip_on=False, **style)


def _ceiling(evaluation: Evaluation, metric: str) -> float:
    """Return the largest error that is drawn; with the last values of diverged curves the others would be flat."""
    curves = [row.over_time[metric] for row in evaluation.rows if not row.diverged]
    curves += [row.over_time.get(f"persistence_{metric}", np.zeros(0)) for row in evaluation.rows]
    values = np.concatenate(curves)
    largest = float(values[np.isfinite(values)].max(initial=0.0))
    return _ROOM * largest if largest > 0 else np.finfo(float).max
