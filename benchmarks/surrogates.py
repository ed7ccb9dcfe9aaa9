"""Measure the errors on the cards of the shipped surrogates again, or write the tables of surrogates and presets.

    python benchmarks/surrogates.py [NAME ...]              # measures; fails if an error is far above its card
    python benchmarks/surrogates.py --into docs/surrogates.md

The measurement is small: of each surrogate, one value of each kind (seen, interpolated, extrapolated; the one with the
median error on the card), on initial conditions that no training has used. Their seed is 1000. An nRMSE above 2 times
that of the card fails. `.ci/run` calls this.
"""

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from table_text import replace_table

import cape
from cape.commands.session import prepare_jax
from cape.commands.train import presets
from cape.config import load_json, load_toml
from cape.data import DataConfig
from cape.datasets.equations.equation import find_equation
from cape.datasets.opening import open_files
from cape.datasets.simulate.simulation import simulate
from cape.datasets.trajectories import Trajectories
from cape.evaluation.evaluate import evaluate
from cape.evaluation.evaluation import KINDS
from cape.experiment import Experiment
from cape.locate import shipped
from cape.pretrained import WEIGHTS, read_config
from cape.release.markdown import table

SEED = 1000  # trainings have small seeds
SAMPLES = {1: 16, 2: 4, 3: 2}  # by dimension
FACTOR = (
    2.0  # between the card and a few other initial conditions; in 1D a few hard ones make most of an error
)


@dataclasses.dataclass(frozen=True)
class CardRow:
    """A row of the table of errors on a model card."""

    parameters: dict[str, float]
    kind: str
    nrmse: float


def main() -> None:
    """Measure again, or write the tables into a page."""
    parser = argparse.ArgumentParser(description="Measure the errors of the shipped surrogates again.")
    parser.add_argument("names", nargs="*", help="surrogates; default: all")
    parser.add_argument("--into", type=Path, default=None, help="only write the tables into this page")
    arguments = parser.parse_args()
    if arguments.into:
        for name, text in tables().items():
            replace_table(arguments.into, f"<!-- {name} -->", text)
        return
    prepare_jax()
    failures = [failure for name in arguments.names or shipped() for failure in remeasure(name)]
    if failures:
        raise SystemExit("\n".join(["these errors are far above their cards:", *failures]))


def remeasure(name: str) -> list[str]:
    """Print errors on fresh initial conditions beside those of the card; return lines on those that are too large."""
    start, folder = time.perf_counter(), shipped()[name]
    surrogate, rows = cape.load(folder), chosen(card_rows((folder / "README.md").read_text(encoding="utf-8")))
    config = load_json(Experiment, folder / "training.json").data
    with tempfile.TemporaryDirectory() as temporary:
        truth = fresh(config, rows, Path(temporary))
        values = surrogate.problem.training_values
        evaluation = evaluate(surrogate.at, truth, values, window=surrogate.window, examples=False)
    print(f"{name}: {truth.samples} trajectories of {truth.frames} frames")
    failures = []
    for row in rows:
        found = next(r for r in evaluation.rows if r.parameters == row.parameters)
        error = found.values["nRMSE"]
        named = ", ".join(f"{parameter} = {value:g}" for parameter, value in row.parameters.items())
        line = f"  {named} ({row.kind}): nRMSE {error:.3g}, on the card {row.nrmse:.3g}"
        print(line)
        if not error <= FACTOR * row.nrmse or found.kind != row.kind:
            failures.append(f"{name}:{line}")
    print(f"  {time.perf_counter() - start:.1f} s", flush=True)
    return failures


def fresh(config: DataConfig, rows: Sequence[CardRow], folder: Path) -> Trajectories:
    """Simulate new initial conditions at the parameter values of rows, with the grid and the times of a training."""
    what = config.simulation.complete
    dimension = find_equation(what.equation).dimension
    paths = []
    for row in rows:
        values = {name: repr(value) for name, value in row.parameters.items()}
        sizes = {"resolution": what.resolution, "frames": what.frames, "t_end": what.t_end}
        paths += simulate(
            what.equation, folder, values, SAMPLES[dimension], seed=SEED, progress=False, **sizes
        )
    return open_files(paths, trusted=True).subsample(config.space_stride, config.time_stride)


def card_rows(card: str) -> list[CardRow]:
    """Read the table of errors of a model card, without its means.

    Raises:
        ValueError: the card has no such table.
    """
    section = card.partition("\n## Errors\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines]
    if len(cells) < 3 or not {"value is", "nRMSE"} <= set(cells[0]):
        raise ValueError("expected a model card with a table of errors under the heading Errors")
    head = cells[0]
    kind, error = head.index("value is"), head.index("nRMSE")
    return [
        CardRow(dict(zip(head[:kind], map(float, row[:kind]), strict=True)), row[kind], float(row[error]))
        for row in cells[2:]
        if row[0] != "**mean**"
    ]


def chosen(rows: Sequence[CardRow]) -> list[CardRow]:
    """Choose the row with the median error of each kind."""
    of_kinds = [sorted((r for r in rows if r.kind == kind), key=lambda r: r.nrmse) for kind in KINDS]
    return [some[len(some) // 2] for some in of_kinds if some]


def tables() -> dict[str, str]:
    """Return the tables of the shipped surrogates and of the presets, by their marks in a page."""
    return {"surrogates": surrogates_table(), "presets": presets_table()}


def surrogates_table() -> str:
    """Tabulate the shipped surrogates: what they solve, where they were trained, their errors and their size."""
    rows = [["name", "equation", "trained ranges", "grid", "nRMSE seen", "nRMSE unseen", "weights"]]
    for name, folder in shipped().items():
        config = read_config(folder)
        problem, errors = config["problem"], config["publication"]["nRMSE"]
        bounds = zip(problem["parameters"], problem["low"], problem["high"], strict=True)
        rows.append(
            [
                f"`{name}`",
                find_equation(problem["equation"]).formula.replace("|", "\\|"),
                ", ".join(f"{parameter} {low:g} to {high:g}" for parameter, low, high in bounds),
                f"{_grid(problem['resolution'])}, {problem['steps']} steps of {problem['dt']:.4g}",
                f"{errors['seen']:.2g}",
                f"{errors['unseen']:.2g}",
                f"{(folder / WEIGHTS).stat().st_size / 1000:.0f} kB",
            ]
        )
    return table(rows)


def presets_table() -> str:
    """Tabulate the presets: the data they simulate and the values they hold out."""
    rows = [["preset", "equation", "values", "never trained on", "data", "shipped"]]
    for name, file in presets().items():
        data = load_toml(Experiment, file).data
        what, held_out = data.simulation.complete, _joined(data.held_out)
        resolution = [what.resolution // data.space_stride] * find_equation(what.equation).dimension
        size = f"{what.samples} trajectories of each value, {_grid(resolution)}"
        values = "; ".join(text.replace(",", ", ") for text in what.parameters)
        rows.append([f"`{name}`", what.equation, values, held_out, size, "yes" if name in shipped() else ""])
    return table(rows)


def _joined(held_out: Sequence[str]) -> str:
    """Write held-out values with each name once: "Nu=0.01, 0.1; rho=3"."""
    grouped: Mapping[str, list[str]] = {}
    for text in held_out:
        name, _, value = text.partition("=")
        grouped.setdefault(name, []).append(value)
    return "; ".join(f"{name}={', '.join(values)}" for name, values in grouped.items())


def _grid(resolution: Sequence[int]) -> str:
    return f"{' x '.join(map(str, resolution))} points"


if __name__ == "__main__":
    main()
