"""The correlation horizon of every parameter value."""

from typing import TYPE_CHECKING

import numpy as np

from cape.evaluation.evaluation import KINDS, Evaluation, Row
from cape.evaluation.flow import CORRELATED_FRACTION
from cape.evaluation.horizon import correlation_horizon, longest_horizon
from cape.figures.error_over_parameter import varying
from cape.figures.palette import GREY, KIND_COLOURS, MARKERS
from cape.figures.style import SMALL_TEXT, drawing, legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_VALUES = 40


def horizon_by_value(evaluation: Evaluation) -> "Figure":
    """Draw for how long predictions resemble the truth, a line for each parameter value; return the figure.

    A grey line marks the length of the data, beyond which no horizon is known. Of more than MOST_VALUES values, the
    shortest horizons are drawn.

    Raises:
        ValueError: the evaluation, of an older version, has no correlations.
        ImportError: matplotlib is not installed.
    """
    if CORRELATED_FRACTION not in evaluation.error_names:
        raise ValueError(f"no {CORRELATED_FRACTION!r} in the evaluation: evaluate again with this version")
    rows = _chosen(evaluation)
    longest = longest_horizon(evaluation.times)
    with drawing(7.0, 1.4 + 0.24 * len(rows)) as figure:
        axes = figure.subplots()
        for kind in KINDS:
            if any(row.kind == kind for row in rows):
                axes.plot([], [], marker=MARKERS[kind], color=KIND_COLOURS[kind], ls="", ms=7, label=kind)
        for height, row in enumerate(reversed(rows)):
            horizon, colour = correlation_horizon(row, evaluation.times), KIND_COLOURS[row.kind]
            axes.plot([0, horizon], [height, height], color=colour, lw=1.6, alpha=0.7)
            axes.plot(horizon, height, marker=MARKERS[row.kind], color=colour, ls="", ms=7)
        axes.axvline(longest, color=GREY, lw=1, label="end of the data")
        names = varying(evaluation)
        labels = [", ".join(f"{n} = {row.parameters[n]:.4g}" for n in names) for row in reversed(rows)]
        axes.set_yticks(range(len(rows)), labels, fontsize=SMALL_TEXT)
        axes.set(xlim=(0, 1.04 * longest), ylim=(-0.7, len(rows) - 0.3))
        axes.set_xlabel("time until the correlation falls below 0.8, mean over trajectories")
        legend(figure, axes)
    return figure


def _chosen(evaluation: Evaluation) -> list[Row]:
    """Return the rows by kind and value; of too many, those with the shortest horizons."""
    horizons = np.array([row.values[CORRELATED_FRACTION] for row in evaluation.rows])
    shortest = set(np.argsort(horizons, kind="stable")[:MOST_VALUES].tolist())
    kept = [row for i, row in enumerate(evaluation.rows) if i in shortest]
    return [row for kind in KINDS for row in kept if row.kind == kind]
