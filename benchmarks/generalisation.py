"""Print the 1D tables of the README and the docs: models under one budget, on parameters seen and never seen.

    python benchmarks/generalisation.py burgers --data FOLDER [--seeds 0 1 2] [--only Cape ...]
    python benchmarks/generalisation.py burgers advection burgers-long advection-long --data FOLDER --into README.md
    python benchmarks/generalisation.py burgers --data FOLDER --table published (or another)

FOLDER holds PDEBench's 1D files (published ones, or reduced to 128 points and 41 frames; the published ones are
reduced on the fly). Budgets are those under which the published code was measured: Burgers 50 initial conditions
per viscosity, 11 frames, batch 10, 640 updates; advection 50 per speed, 21 frames, batch 25, 180 updates; the long
ones 100 and 200 initial conditions, 11 frames, batch 25, 60 epochs, a tenth kept back. Errors are on initial
conditions that no training saw, at all files' values. What each table compares: contenders.py. Runs are kept in --out
and used again; with --into FILE every table replaces the one that follows its mark in a page, such as
<!-- burgers conditionings -->. --figures FOLDER draws the errors of the first seed over the parameter.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path

import numpy as np
from contenders import ablations, bases, conditionings, embeddings, published, trainings

from cape.datasets.opening import find_files, open_files
from cape.datasets.symmetries import Augmentation
from cape.evaluation.evaluation import Evaluation
from cape.evaluation.files import read as read_evaluation
from cape.experiment import DataConfig, Experiment, prepare, refuse_other, run
from cape.figures.canvas import save
from cape.figures.error_over_parameter import error_over_parameter
from cape.pretrained import load
from cape.problem import Problem
from cape.surrogate import count_parameters

TABLES = {
    "conditionings": conditionings,
    "published": published,
    "ablations": ablations,
    "embeddings": embeddings,
    "bases": bases,
    "trainings": trainings,
}
BUDGETS = {
    "burgers": {
        "pattern": "1D_Burgers_Sols_Nu",
        "held_out": ("Nu=0.001", "Nu=0.01", "Nu=0.1", "Nu=1.0"),
        "samples": 50,
        "epochs": 20,
        "frames": 11,
        "batch": 10,
        "warmup": 1,
        "heads": 8,
        "augmentation": Augmentation(tilings=(1, 1, 1, 2), reflect=True, largest_boost=0.5),
    },
    "advection": {
        "pattern": "1D_Advection_Sols_beta",
        "held_out": ("beta=0.1", "beta=1.0"),
        "samples": 50,
        "epochs": 20,
        "frames": 21,
        "batch": 25,
        "warmup": 6,
        "heads": 16,
        "augmentation": Augmentation(tilings=(1, 1, 2, 4)),
    },
}
for name in (
    "burgers",
    "advection",
):  # the short budgets leave initial conditions over; the long ones a tenth
    BUDGETS[name] |= {"validation": 0.1, "test": 0.0}
LONG = {"epochs": 60, "batch": 25, "frames": 11, "validation": 0.02, "test": 0.08}
BUDGETS["burgers-long"] = BUDGETS["burgers"] | LONG | {"samples": 100, "warmup": 2}
BUDGETS["advection-long"] = BUDGETS["advection"] | LONG | {"samples": 200}
POINTS = 128


def data_config(budget: dict, folder: Path) -> DataConfig:
    """Take the budget's initial conditions of every file of the equation, reduced to the budget's grid and frames."""
    files = [str(f) for f in find_files([str(folder)]) if f.name.startswith(budget["pattern"])]
    if not files:
        raise SystemExit(f"{folder}: no files named {budget['pattern']}*")
    first = open_files(files[:1])
    return DataConfig(
        files=tuple(files),
        held_out=budget["held_out"],
        samples=budget["samples"],
        space_stride=max(first.resolution[0] // POINTS, 1),
        time_stride=(first.frames - 1) // (budget["frames"] - 1),
        validation=budget["validation"],
        test=budget["test"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("equations", nargs="+", choices=BUDGETS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/generalisation"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", default=None, help="names of contenders")
    parser.add_argument("--table", choices=TABLES, default="conditionings")
    parser.add_argument("--into", type=Path, default=None, help="the page whose tables to replace")
    parser.add_argument("--figures", type=Path, default=None, help="folder for the error over the parameter")
    asked = parser.parse_args()

    for equation in asked.equations:
        budget = BUDGETS[equation]
        data = data_config(budget, asked.data)
        problem = Problem.of(prepare(data).training)
        results = []
        for name, experiment in TABLES[asked.table](budget, problem).items():
            if asked.only and name not in asked.only:
                continue
            results.append(row_of(name, experiment, data, asked.seeds, asked.out / equation / asked.table))
            print(markdown(equation, results), flush=True)
        if asked.figures:
            figure = error_over_parameter({name: evaluations[0] for name, _, evaluations, _ in results})
            save(figure, asked.figures / f"{equation}-{asked.table}.png")
        if asked.into:
            replace_table(asked.into, f"<!-- {equation} {asked.table} -->", markdown(equation, results))


def row_of(name: str, experiment: Experiment, data: DataConfig, seeds: list[int], out: Path) -> tuple:
    """Train a contender with every seed: (name, number of parameters, evaluations, median CPU seconds)."""
    evaluations, seconds = [], []
    for seed in seeds:
        training = dataclasses.replace(experiment.training, seed=seed)
        one = dataclasses.replace(experiment, data=data, training=training)
        folder = out / f"{name.replace(' ', '-').replace('(', '').replace(')', '')}-{seed}"
        evaluation, spent = result(one, folder)
        evaluations.append(evaluation)
        seconds.append(spent)
    return name, count_parameters(load(folder)), evaluations, float(np.median(seconds))


def replace_table(page: Path, mark: str, table: str) -> None:
    """Put a table in the place of the one that follows a mark in a page."""
    before, found, after = page.read_text().partition(mark)
    if not found:
        raise SystemExit(f"{page}: no mark {mark} to put the table behind")
    lines = after.lstrip("\n").splitlines(keepends=True)
    while lines and lines[0].startswith("|"):
        lines.pop(0)
    page.write_text(f"{before}{mark}\n{table.rstrip()}\n\n{''.join(lines).lstrip()}")


def result(experiment: Experiment, folder: Path, *, figures: bool = False) -> tuple[Evaluation, float]:
    """Give an experiment's evaluation and the CPU seconds it took, from `folder` where it has been run before."""
    refuse_other(experiment, folder)
    if not (folder / "evaluation" / "evaluation.json").exists():
        started = time.process_time()
        run(experiment, folder, progress=False, figures=figures)
        (folder / "seconds.json").write_text(json.dumps(time.process_time() - started))
    return read_evaluation(folder / "evaluation"), json.loads((folder / "seconds.json").read_text())


def markdown(equation: str, results: list) -> str:
    """Lay out mean and standard deviation over seeds of the nRMSE, at seen values and at each held-out one."""
    unseen = [row.parameters for row in results[0][2][0].rows if row.kind != "seen"]
    heads = [" ".join(f"{k} {v:g}" for k, v in p.items()) for p in unseen]
    lines = [
        f"| {equation} | parameters | seen nRMSE (RMSE) | unseen nRMSE | {' | '.join(heads)} | CPU s |",
        "|" + "---|" * (5 + len(heads)),
    ]
    for name, size, evaluations, seconds in results:
        seen = [e.summary["seen"]["nRMSE"] for e in evaluations]
        rmse = np.mean([e.summary["seen"]["RMSE"] for e in evaluations])
        each = [[r.values["nRMSE"] for r in e.rows if r.kind != "seen"] for e in evaluations]
        columns = [f"{np.mean(column):.3f}" for column in zip(*each, strict=True)]
        means = [float(np.mean(values)) for values in each]
        lines.append(
            f"| {name} | {size / 1000:.1f}k | {spread(seen)} ({rmse:.3f}) | {spread(means)} | "
            f"{' | '.join(columns)} | {seconds:.0f} |"
        )
    persistence = results[0][2][0].summary
    still = [persistence[kind]["persistence_nRMSE"] for kind in ("seen", "unseen")]
    rest = [r.values["persistence_nRMSE"] for r in results[0][2][0].rows if r.kind != "seen"]
    columns = " | ".join(f"{v:.3f}" for v in rest)
    lines.append(f"| persistence | 0 | {still[0]:.3f} | {still[1]:.3f} | {columns} | |")
    return "\n".join(lines) + "\n"


def spread(values: list[float]) -> str:
    """Format mean ± standard deviation, or the value itself where there is one."""
    text = f"{np.mean(values):.3f}"
    return text if len(values) == 1 else f"{text} ± {np.std(values, ddof=1):.3f}"


if __name__ == "__main__":
    main()
