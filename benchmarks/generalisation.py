"""Print the 1D tables of docs/results.md and docs/generalisation.md: errors at seen and unseen parameter values.

    python benchmarks/generalisation.py burgers --data FOLDER [--seeds 0 1 2] [--only "CAPE (default)" ...]
    python benchmarks/generalisation.py burgers advection --data FOLDER --into docs/results.md
    python benchmarks/generalisation.py burgers --data FOLDER --table published

FOLDER holds PDEBench's 1D files. They are reduced to 128 points and to the frames of the budget (see budgets.py) while
they are read; files that are reduced already work too. Each table trains its contenders (see contenders.py) under the
same budget. Errors are on initial conditions that no training saw, at the parameter values of all files.

Runs are kept in --out and used again. With --into, each table replaces the one that follows its mark in a page, such
as <!-- burgers conditionings -->. --figures draws the errors of the first seed over the parameter.
"""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from budgets import BUDGETS, data_config
from contenders import ablations, bases, conditionings, embeddings, published, trainings
from runs import evaluation_and_seconds
from table_text import replace_table, spread

from cape.data import prepare
from cape.evaluation.evaluation import Evaluation
from cape.experiment import Experiment
from cape.figures.error_over_parameter import error_over_parameter
from cape.figures.style import save
from cape.model.arrays import count_weights
from cape.pretrained import load
from cape.problem import Problem

TABLES = {
    "conditionings": conditionings,
    "published": published,
    "ablations": ablations,
    "embeddings": embeddings,
    "bases": bases,
    "trainings": trainings,
}


class Result(NamedTuple):
    """One contender: its number of weights, its evaluation for every seed, and the median CPU seconds of a training."""

    name: str
    weights: int
    evaluations: list[Evaluation]
    seconds: float


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
        data = data_config(BUDGETS[equation], asked.data)
        problem = Problem.of(prepare(data).training)
        results: list[Result] = []
        for name, experiment in TABLES[asked.table](BUDGETS[equation], problem).items():
            if asked.only and name not in asked.only:
                continue
            out = asked.out / equation / asked.table
            results.append(train(name, dataclasses.replace(experiment, data=data), asked.seeds, out))
            print(markdown(equation, results), flush=True)
        if asked.figures:
            figure = error_over_parameter({result.name: result.evaluations[0] for result in results})
            save(figure, asked.figures / f"{equation}-{asked.table}.png")
        if asked.into:
            replace_table(asked.into, f"<!-- {equation} {asked.table} -->", markdown(equation, results))


def train(name: str, experiment: Experiment, seeds: Sequence[int], out: Path) -> Result:
    """Train and evaluate a contender with every seed."""
    evaluations, seconds = [], []
    for seed in seeds:
        training = dataclasses.replace(experiment.training, seed=seed)
        folder = out / f"{name.replace(' ', '-').replace('(', '').replace(')', '')}-{seed}"
        evaluation, spent = evaluation_and_seconds(dataclasses.replace(experiment, training=training), folder)
        evaluations.append(evaluation)
        seconds.append(spent)
    return Result(name, count_weights(load(folder)), evaluations, float(np.median(seconds)))


def markdown(equation: str, results: Sequence[Result]) -> str:
    """Format the nRMSE, mean and standard deviation over seeds, at seen values and at each unseen one."""
    first = results[0].evaluations[0]
    unseen = [row.parameters for row in first.rows if row.kind != "seen"]
    heads = [" ".join(f"{k} {v:g}" for k, v in p.items()) for p in unseen]
    lines = [
        f"| {equation} | parameters | seen nRMSE (RMSE) | unseen nRMSE | {' | '.join(heads)} | CPU s |",
        "|" + "---|" * (5 + len(heads)),
    ]
    for name, weights, evaluations, seconds in results:
        seen = [e.summary["seen"]["nRMSE"] for e in evaluations]
        rmse = np.mean([e.summary["seen"]["RMSE"] for e in evaluations])
        each = [_unseen_values(e, "nRMSE") for e in evaluations]
        columns = [f"{np.mean(column):.3f}" for column in zip(*each, strict=True)]
        means = [float(np.mean(values)) for values in each]
        lines.append(
            f"| {name} | {weights / 1000:.1f}k | {spread(seen)} ({rmse:.3f}) | {spread(means)} | "
            f"{' | '.join(columns)} | {seconds:.0f} |"
        )
    means = [first.summary[kind]["persistence_nRMSE"] for kind in ("seen", "unseen")]
    persistence = [f"{value:.3f}" for value in (*means, *_unseen_values(first, "persistence_nRMSE"))]
    lines.append(f"| persistence | 0 | {' | '.join(persistence)} | |")
    return "\n".join(lines) + "\n"


def _unseen_values(evaluation: Evaluation, error: str) -> list[float]:
    return [row.values[error] for row in evaluation.rows if row.kind != "seen"]


if __name__ == "__main__":
    main()
