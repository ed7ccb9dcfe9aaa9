"""Histories and spectra of flows, truth beside prediction, at several parameter values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cape.evaluation.evaluation import KINDS, Evaluation, Row
from cape.evaluation.flow import Flow, Pair
from cape.figures.palette import KIND_COLOURS
from cape.figures.style import NOTE_TEXT, drawing, log_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 6
_FLOOR = 1e-7  # of the largest value of a spectrum: smaller ones of float32 fields are round-off


def flow_histories(evaluation: Evaluation) -> "Figure":
    """Draw the course of energy, enstrophy, divergence and means, a row for each parameter value; return the figure.

    Of many values, those at even distances in the list of each kind are shown.

    Raises:
        ValueError: the evaluation has no flows.
        ImportError: matplotlib is not installed.
    """
    chosen = _chosen(evaluation)
    names = list(chosen[0][1].histories)
    with drawing(0.8 + 2.5 * max(len(names), 2), 1.1 + 1.75 * len(chosen)) as figure:
        grid = figure.subplots(len(chosen), len(names), sharex=True, squeeze=False)
        for line, (row, flow) in zip(grid, chosen, strict=True):
            for axes, name in zip(line, names, strict=True):
                _draw(axes, evaluation.times, flow.histories[name], row.kind)
                _fit(axes, flow.histories[name])
        _finish(figure, grid, chosen, names, "time")
    return figure


def flow_spectra(evaluation: Evaluation) -> "Figure":
    """Draw the spectra of kinetic energy and enstrophy, averaged over the predicted frames; return the figure.

    There is a row for each quantity and a column for each parameter value, chosen as in `flow_histories`. The mean over
    space, shell 0, is left out.

    Raises:
        ValueError: the evaluation has no flows.
        ImportError: matplotlib is not installed.
    """
    chosen = _chosen(evaluation)
    names = list(chosen[0][1].spectra)
    with drawing(0.8 + 2.2 * max(len(chosen), 2), 1.3 + 2.3 * len(names)) as figure:
        grid = figure.subplots(len(names), len(chosen), sharex=True, sharey="row", squeeze=False)
        for line, name in zip(grid, names, strict=True):
            for axes, (row, flow) in zip(line, chosen, strict=True):
                truth, prediction = (spectrum[1:] for spectrum in flow.spectra[name])
                _draw(axes, np.arange(1, len(truth) + 1), (truth, prediction), row.kind)
            largest = max(float(flow.spectra[name][0][1:].max()) for _, flow in chosen)
            smallest = min(_smallest(flow.spectra[name][0][1:]) for _, flow in chosen)
            line[0].set(yscale="log", ylim=(max(smallest, _FLOOR * largest) / 3, 4 * largest))
            log_axis(line[0], "x")
            line[0].set_ylabel(f"spectrum of\n{name}")
        for axes, (row, _) in zip(grid[0], chosen, strict=True):
            axes.set_title(_caption(row), fontsize=NOTE_TEXT)
        for axes in grid[-1]:
            axes.set_xlabel("waves per side", fontsize=NOTE_TEXT)
        _name_lines(figure, grid[0, 0], [row for row, _ in chosen])
    return figure


def _chosen(evaluation: Evaluation) -> list[tuple[Row, Flow]]:
    """Return at most MOST_ROWS rows, as many of each kind as there is room for, with their flows."""
    if not evaluation.flows:
        raise ValueError("no flows: expected an evaluation of fields with a velocity, or a vorticity in 2D")
    both = list(zip(evaluation.rows, evaluation.flows, strict=True))
    kinds = [[pair for pair in both if pair[0].kind == kind] for kind in KINDS]
    kinds = [of_kind for of_kind in kinds if of_kind]
    room = MOST_ROWS // len(kinds)
    chosen = []
    for of_kind in kinds:
        numbers = np.unique(np.linspace(0, len(of_kind) - 1, min(room, len(of_kind))).round().astype(int))
        chosen += [of_kind[i] for i in numbers]
    return chosen


def _draw(axes: "Axes", x: np.ndarray, pair: Pair, kind: str) -> None:
    truth, prediction = pair
    axes.plot(x, truth, color="0.45", lw=3.2, alpha=0.6)
    axes.plot(
        x, np.where(np.isfinite(prediction), prediction, np.nan), color=KIND_COLOURS[kind], lw=1.4, ls="--"
    )


def _fit(axes: "Axes", pair: Pair) -> None:
    """Fit the axis to both, but to no prediction that is further from the truth than ten times the truth's range."""
    truth, prediction = pair
    shown = prediction[np.isfinite(prediction)]
    low, high = float(truth.min()), float(truth.max())
    middle, half = (low + high) / 2, max((high - low) / 2, 0.1 * max(abs(low), abs(high)), 1e-6)
    limits = (middle - 20 * half, middle + 20 * half)
    both = np.clip(np.concatenate([truth, shown]), *limits)
    room = 0.1 * max(float(np.ptp(both)), half)
    axes.set_ylim(float(both.min()) - room, float(both.max()) + room)
    axes.ticklabel_format(axis="y", scilimits=(-2, 3), useMathText=True)


def _finish(
    figure: "Figure", grid: np.ndarray, chosen: Sequence[tuple[Row, Flow]], names: Sequence[str], x: str
) -> None:
    """Name columns by quantity and rows by parameter value."""
    for axes, name in zip(grid[0], names, strict=True):
        axes.set_title(name, pad=14)
    for axes, (row, _) in zip(grid[:, 0], chosen, strict=True):
        axes.set_ylabel(_caption(row), fontsize=NOTE_TEXT)
    for axes in grid[-1]:
        axes.set_xlabel(x)
    _name_lines(figure, grid[0, 0], [row for row, _ in chosen])


def _name_lines(figure: "Figure", axes: "Axes", rows: Sequence[Row]) -> None:
    """Put one entry for the truth and one for the prediction at each kind of values above the panels."""
    handles = [axes.plot([], [], color="0.45", lw=3.2, alpha=0.6, label="truth")[0]]
    for kind in KINDS:
        if any(row.kind == kind for row in rows):
            style: dict[str, Any] = {"color": KIND_COLOURS[kind], "lw": 1.4, "ls": "--"}
            handles += axes.plot([], [], label=f"prediction ({kind})", **style)
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def _caption(row: Row) -> str:
    """Return the parameter values and the kind, each on a line."""
    return "\n".join([*(f"{name} = {value:.4g}" for name, value in row.parameters.items()), f"({row.kind})"])


def _smallest(spectrum: np.ndarray) -> float:
    positive = spectrum[np.isfinite(spectrum) & (spectrum > 0)]
    return float(positive.min()) if positive.size else 1.0
