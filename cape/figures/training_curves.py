"""The curves of a training: loss and validation error over the optimiser steps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cape.figures.palette import COLOURS, SHADE
from cape.figures.style import NOTE_TEXT, drawing, log_axis, save, whole_numbers
from cape.training import log

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Records = Sequence[Mapping[str, Any]]
_MOST_MARKERS = 60  # of validations; more would hide the line


def write_training_curves(run: str | Path) -> Path:
    """Write the figure of a run's training into its folder, as evaluation/training.png; return its path."""
    return save(training_curves(log.read(Path(run) / log.FILE)), Path(run) / "evaluation" / "training.png")


def training_curves(records: Records, over: str = "step") -> "Figure":
    """Draw training loss and validation error over optimiser steps or epochs, with the phases named; return the figure.

    Args:
        records: dicts with "step" and any of "loss", "validation_error", "kept", "phase", in order.
        over: "step" or "epoch", which the records then have.

    Raises:
        ValueError: no record has a step and a loss.
        ImportError: matplotlib is not installed.
    """
    records = [{**record, "step": record[over]} for record in records if over in record]
    loss, validation = series(records, "loss"), series(records, "validation_error")
    if not loss.size:
        raise ValueError("no training curve to draw: expected records with 'step' and 'loss'")
    with drawing(7.0, 5.0 if validation.size else 3.2) as figure:
        panels = figure.subplots(1 + bool(validation.size), 1, sharex=True, squeeze=False)[:, 0]
        _draw_loss(panels[0], loss)
        if validation.size:
            _draw_validation(panels[1], validation, records)
        _name_phases(panels, records, loss[-1, 0] - loss[0, 0])
        for axes in panels:
            log_axis(axes, "y")
        whole_numbers(panels[-1])
        panels[-1].set_xlabel({"step": "optimiser step", "epoch": "epoch"}[over])
    return figure


def _draw_loss(axes, loss: np.ndarray) -> None:
    """Draw every loss, and means over a hundredth of the training."""
    window = max(1, len(loss) // 100)
    means = loss[: len(loss) // window * window].reshape(-1, window, 2).mean(axis=1)
    axes.plot(*loss.T, color=COLOURS[0], lw=0.8, alpha=0.35)
    axes.plot(*means.T, color=COLOURS[0], lw=1.8)
    axes.set_ylabel("training loss")


def _draw_validation(axes, validation: np.ndarray, records: Records) -> None:
    """Draw the validation error, with a star at the weights that the run keeps."""
    axes.plot(
        *validation.T, color=COLOURS[1], marker="o", ms=3.5 if len(validation) <= _MOST_MARKERS else 0, lw=1.4
    )
    for kept in series([each for each in records if each.get("kept")], "validation_error")[-1:]:
        axes.plot(*kept, marker="*", ms=13, color=COLOURS[1], mec="k", mew=0.7, ls="")
        where = {"textcoords": "offset points", "ha": "center"}
        axes.annotate(f"kept, {kept[1]:.3g}", kept, (0, -17), **where)
    axes.margins(y=0.25)
    axes.set_ylabel("validation error")


def _name_phases(panels, records: Records, length: float) -> None:
    """Shade every second phase and write their names above, at two heights if they would overlap."""
    phases = _phases(records)
    centres = np.array([(start + stop) / 2 for _, start, stop in phases])
    crowded = (np.diff(centres) < 0.15 * length).any()
    style: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": NOTE_TEXT}
    style["transform"] = panels[0].get_xaxis_transform()
    for number, (phase, start, stop) in enumerate(phases):
        panels[0].text(centres[number], 1.09 if crowded and number % 2 else 1.01, phase, **style)
        for axes in panels:
            axes.axvspan(start, stop, color=SHADE if number % 2 else "w", zorder=0, lw=0)


def series(records: Records, key: str) -> np.ndarray:
    """Return [record, (step, value)] of the records that have this key."""
    points = [(r["step"], r[key]) for r in records if r.get(key) is not None and "step" in r]
    return np.array(points, np.float64)


def _phases(records: Records) -> list[tuple[str, float, float]]:
    """Return (phase, first step, last step) of every stretch of records in one phase."""
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
