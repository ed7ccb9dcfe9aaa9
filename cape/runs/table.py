"""Tables of runs: one line for each run, or the comparison of some."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from cape.config import flat
from cape.evaluation.text_table import Table, number
from cape.runs.summary import RunSummary
from cape.training.time_left import duration

_LONGEST = 40  # characters of a setting
_HEAD = ("run", "date", "data", "model", "state", "validation", "seen nRMSE", "unseen nRMSE", "time")
_ORDERS: dict[str, Callable[[RunSummary], Any]] = {
    "date": lambda run: run.written,
    "name": lambda run: run.name,
    "validation": lambda run: (math.isnan(run.validation_error), run.validation_error),
}


def sorted_runs(runs: Sequence[RunSummary], order: str) -> tuple[RunSummary, ...]:
    """Sort runs by "date", "name" or "validation" (error, the lowest one first)."""
    return tuple(sorted(runs, key=_ORDERS[order]))


def table_of_runs(runs: Sequence[RunSummary]) -> Table:
    """Return a table with a line for each run; what is not known is "-". A column names starts if there are any."""
    rows: list[tuple[str, ...]] = [
        (run.name, run.date, run.data, run.model, run.state, *_results(run), duration(run.seconds))
        for run in runs
    ]
    head: tuple[str, ...] = _HEAD
    if any(run.starts for run in runs):
        head = (*head, "from")
        rows = [(*row, " > ".join(run.starts) or "-") for row, run in zip(rows, runs, strict=True)]
    return Table(head, rows, left=5)


def comparison(runs: Sequence[RunSummary]) -> Table:
    """Return a table of the settings in which runs differ, and below it their errors and times."""
    settings = [dict(flat(run.settings)) for run in runs]
    rows = []
    for key in dict.fromkeys(key for each in settings for key in each):
        texts = [_text(each[key]) if key in each else "-" for each in settings]
        if len({repr(each.get(key)) for each in settings}) > 1:
            rows.append((key, *texts))
    if not rows:
        rows = [("all settings are equal", *[""] * len(runs))]
    names = ("state", "validation", "seen nRMSE", "unseen nRMSE", "time")
    columns = [(run.state, *_results(run), duration(run.seconds)) for run in runs]
    results = list(zip(names, *columns, strict=True))
    return Table(("setting", *(run.name for run in runs)), rows, results, left=1)


def _results(run: RunSummary) -> tuple[str, str, str]:
    """Return the errors of a run as text: validation, seen and unseen."""
    errors = (run.validation_error, *(run.errors.get(kind, math.nan) for kind in ("seen", "unseen")))
    validation, seen, unseen = ("-" if math.isnan(error) else number(error) for error in errors)
    return validation, seen, unseen


def _text(value: Any) -> str:
    """Return the value of a setting as text that is not too long."""
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
