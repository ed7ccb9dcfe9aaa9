"""Write the tables and the figure of the zoo from the kept records.

    python benchmarks/zoo/tables.py [--into docs/zoo.md] [--figure docs/figures/zoo.png]

Each entry is the mean over the parameter values and the seeds of the nRMSE of whole rollouts from unseen initial
conditions, ± the standard deviation over the seeds. The records are made by `run.py`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1]))  # for table_text.py

from contenders import MODELS, OURS
from equations import EQUATIONS
from run import records
from table_text import replace_table

from cape.figures.style import drawing, save

SMALLEST, LARGEST = 1e-5, 10.0  # of the axis of the errors
LONG = 8  # times the automatic number of epochs, of the long trainings
KINDS = {"seen": "at trained values", "interpolated": "between them", "extrapolated": "outside their range"}


def main() -> None:
    """Print the tables, or write them into a page; draw the figure."""
    parser = argparse.ArgumentParser(description="Write the tables and the figure of the zoo.")
    parser.add_argument("--into", type=Path, default=None, help="page with the marks <!-- zoo KIND -->")
    parser.add_argument("--figure", type=Path, default=None, help="file of the figure")
    arguments = parser.parse_args()
    for kind in KINDS:
        text = table(kind)
        if arguments.into:
            replace_table(arguments.into, f"<!-- zoo {kind} -->", text)
        else:
            print(f"{text}\n")
    if arguments.into:
        replace_table(arguments.into, "<!-- zoo long -->", long_trainings())
        replace_table(arguments.into, "<!-- zoo identified -->", identified())
        replace_table(arguments.into, "<!-- zoo records -->", held())
    if arguments.figure:
        draw(arguments.figure)


def errors(equation: str, contender: str, kind: str) -> list[float]:
    """Return the mean error over the values of a kind, for every seed."""
    return _errors([r for r in records(equation) if r["contender"] == contender], kind)


def table(kind: str) -> str:
    """Return the table of one kind of values; the best entry of each row is bold."""
    rows = [f"| equation | {' | '.join(MODELS)} |", "|---|" + "---|" * len(MODELS)]
    for name, equation in EQUATIONS.items():
        found = {contender: errors(name, contender, kind) for contender in MODELS}
        if any(found.values()):
            means = {contender: np.mean(values) for contender, values in found.items() if values}
            best = min(means, key=means.__getitem__) if len(means) > 1 else None
            cells = [_cell(values, bold=contender == best) for contender, values in found.items()]
            rows.append(f"| {name}: {equation.formula} | {' | '.join(cells)} |")
    ratios = [_ratio(contender, kind) for contender in MODELS]
    rows.append(f"| geometric mean of the ratio to ours | {' | '.join(ratios)} |")
    return "\n".join(rows)


def long_trainings() -> str:
    """Return the errors of the long trainings, beside those of the same seeds with the automatic epochs."""
    rows = [f"| equation | contender | epochs | {' | '.join(KINDS)} | CPU s |", "|---|---|---|" + "---|" * 4]
    for name in EQUATIONS:
        for contender in MODELS:
            seeds = {record["seed"] for record in records(name, LONG) if record["contender"] == contender}
            for times in (1, LONG) if seeds else ():
                own = [
                    record
                    for record in records(name, times)
                    if record["contender"] == contender and record["seed"] in seeds
                ]
                cells = [_cell(_errors(own, kind), bold=False) for kind in KINDS]
                seconds = np.median([record["seconds"] for record in own])
                rows.append(f"| {name} | {contender} | {times}x | {' | '.join(cells)} | {seconds:.0f} |")
    return "\n".join(rows)


def identified() -> str:
    """Return the equation that the package found for each equation of the zoo, with the first seed."""
    rows = ["| equation | found |", "|---|---|"]
    for name in EQUATIONS:
        found = [record["identified"] for record in records(name) if record["contender"] == OURS]
        if found:
            rows.append(f"| {name}: {EQUATIONS[name].formula} | {found[0] or 'none'} |")
    return "\n".join(rows)


def held() -> str:
    """Return how many runs the tables hold, with which seeds, of which commits, and how long they took."""
    every = [record for name in EQUATIONS for record in records(name)]
    rows = [
        "| contender | equations | runs | seeds | median CPU seconds | commits |",
        "|---|---|---|---|---|---|",
    ]
    for contender in MODELS:
        own = [record for record in every if record["contender"] == contender]
        if own:
            seeds = ", ".join(str(seed) for seed in sorted({record["seed"] for record in own}))
            commits = ", ".join(sorted({record["commit"] for record in own}))
            equations = sum(any(r["contender"] == contender for r in records(name)) for name in EQUATIONS)
            seconds = np.median([record["seconds"] for record in own])
            rows.append(f"| {contender} | {equations} | {len(own)} | {seeds} | {seconds:.0f} | {commits} |")
    return "\n".join(rows)


def draw(path: Path) -> None:
    """Draw the errors of all contenders on all equations, one panel for each kind of values.

    Errors above `LARGEST` are drawn there.
    """
    names = [name for name in EQUATIONS if records(name)]
    with drawing(11.0, 0.6 + 0.32 * len(names)) as figure:
        panels = figure.subplots(1, len(KINDS), sharey=True)
        for panel, (kind, title) in zip(panels, KINDS.items(), strict=True):
            for number, contender in enumerate(MODELS):
                points = [
                    (np.mean(e), y) for y, name in enumerate(names) if (e := errors(name, contender, kind))
                ]
                if points:
                    points = [(min(x, LARGEST), y) for x, y in points]
                    style = {"s": 60, "zorder": 3} if contender == OURS else {"s": 24, "alpha": 0.8}
                    panel.scatter(*np.transpose(points), color=f"C{number}", label=contender, **style)
            panel.set_xscale("log")
            panel.set_xlim(SMALLEST, 1.5 * LARGEST)
            panel.set_title(f"nRMSE {title}")
            panel.grid(axis="y", alpha=0.3)
        panels[0].set_yticks(range(len(names)), names)
        panels[0].invert_yaxis()
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(MODELS))
        save(figure, path)


def _errors(own: Sequence[dict[str, Any]], kind: str) -> list[float]:
    """Return the mean error over the values of a kind, for each record, in the order of the seeds."""
    return [
        float(np.mean([row["nRMSE"] for row in record["values"] if row["kind"] == kind]))
        for record in sorted(own, key=lambda record: record["seed"])
    ]


def _cell(values: Sequence[float], *, bold: bool) -> str:
    if not values:
        return ""
    text = _number(float(np.mean(values)))
    if len(values) > 1:
        text += f" ± {_number(float(np.std(values, ddof=1)))}"
    return f"**{text}**" if bold else text


def _number(value: float) -> str:
    return f"{value:.2g}" if value < 100 else "> 100"


def _ratio(contender: str, kind: str) -> str:
    """Return the geometric mean over equations of the error over ours; rollouts that fail count as 100."""
    pairs = [(errors(name, contender, kind), errors(name, OURS, kind)) for name in EQUATIONS]
    logarithms = [np.log(min(np.mean(a), 100.0) / min(np.mean(b), 100.0)) for a, b in pairs if a and b]
    return f"{np.exp(np.mean(logarithms)):.2g}" if logarithms else ""


if __name__ == "__main__":
    main()
