"""The curves of several trainings in one figure: loss and validation error over the epochs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cape.figures.palette import COLOURS
from cape.figures.style import drawing, legend, log_axis, whole_numbers
from cape.figures.training_curves import series

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINES = ("-", "--", ":", "-.")  # one for each round of the colours


def run_curves(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> "Figure":
    """Draw loss and validation error of several trainings over their epochs; return the figure.

    Args:
        runs: name -> records of the log, with "epoch" and any of "loss", "validation_error", "kept".

    Raises:
        ValueError: no run has a record with an epoch and a loss.
        ImportError: matplotlib is not installed.
    """
    by_epoch = {
        name: [{**record, "step": record["epoch"]} for record in records if "epoch" in record]
        for name, records in runs.items()
    }
    drawn = {name: records for name, records in by_epoch.items() if len(series(records, "loss"))}
    if not drawn:
        raise ValueError("no training curve to draw: expected runs with at least one epoch")
    rows = -(-len(drawn) // 2)
    with drawing(8.0, 5.4 + 0.2 * rows) as figure:
        panels = figure.subplots(2, 1, sharex=True)
        for number, (name, records) in enumerate(drawn.items()):
            style: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "lw": 1.5}
            style["ls"] = _LINES[number // len(COLOURS) % len(_LINES)]
            _draw(panels, name, records, style)
        for axes, label in zip(panels, ("training loss", "validation error (star: kept)"), strict=True):
            axes.set_ylabel(label)
            log_axis(axes, "y")
        panels[-1].set_xlabel("epoch")
        whole_numbers(panels[-1])
        legend(figure, panels[0], columns=2)
    return figure


def _draw(panels: Any, name: str, records: Sequence[Mapping[str, Any]], style: dict[str, Any]) -> None:
    """Draw a run, with a star at the weights that it keeps."""
    loss, validation = series(records, "loss"), series(records, "validation_error")
    panels[0].plot(*loss.T, label=name, **style)
    if len(validation):
        panels[1].plot(*validation.T, **style)
    for kept in series([record for record in records if record.get("kept")], "validation_error")[-1:]:
        panels[1].plot(*kept, marker="*", ms=12, color=style["color"], mec="w", mew=0.8, ls="")
