"""cape runs."""

import sys
from typing import Annotated, Literal

import tyro

Folders = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER...")]
Runs = Annotated[tuple[str, ...], tyro.conf.arg(metavar="RUN...")]


def runs(
    folders: Folders = (),
    /,
    compare: Runs = (),
    figure: str = "",
    sort: Literal["date", "name", "validation"] = "date",
) -> None:
    """List runs with their state, errors and times, or compare some; draw their curves.

    Folders that hold no run, and damaged ones, are named on stderr and skipped.

    Args:
        folders: runs, or folders with runs in them; none: the folder runs.
        compare: show the settings in which these runs differ, and their errors and times, instead of the list.
        figure: also draw loss and validation error of these runs over the epochs into this file, such as curves.png.
        sort: order of the list; "validation": the lowest validation error first.
    """
    from cape.runs.search import find_runs
    from cape.runs.table import comparison, sorted_runs, table_of_runs

    if compare and (folders or len(compare) < 2):
        raise ValueError("--compare: expected at least two runs, and no other folder")
    found = find_runs(compare or folders or ("runs",))
    for line in found.skipped:
        print(f"skipped {line}", file=sys.stderr)
    chosen = found.runs if compare else sorted_runs(found.runs, sort)
    if len(chosen) < (2 if compare else 1):
        raise ValueError(
            f"no {'runs to compare' if compare else 'run'} in {' '.join(compare or folders or ('runs',))}"
        )
    print(comparison(chosen) if compare else table_of_runs(chosen))
    if figure:
        from cape.figures.run_curves import run_curves
        from cape.figures.style import save

        print(save(run_curves({run.name: run.records for run in chosen}), figure))
