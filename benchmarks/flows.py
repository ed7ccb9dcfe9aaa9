"""Print the 2D tables of the README: conditionings of one size under the training of a preset.

    python benchmarks/flows.py [cns2d | navierstokes2d | grayscott2d] [--seeds 0 1] [--only CAPE FiLM]

The data are simulated as the preset says; errors are on initial conditions that no training saw. The base solver of
every contender is made as wide as the parameters of the preset's own model allow. Runs are kept in --out and used
again. Some 10 minutes a contender on two CPU cores.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from contenders import OTHERS, counter
from generalisation import result, spread

from cape.commands.train import presets
from cape.config import load_toml
from cape.data import prepare
from cape.experiment import Experiment
from cape.model.config import Unaware, match_size
from cape.pretrained import load
from cape.problem import Problem
from cape.surrogate import count_parameters

KINDS = ("seen", "interpolated", "extrapolated", "unseen")


def contenders(experiment: Experiment) -> dict[str, Experiment]:
    """List the preset's model, other conditionings around its base at no more parameters, and it without places."""
    problem = Problem.of(prepare(experiment.data).training)
    count = counter(problem)
    models = {"CAPE": experiment.model}
    for name, conditioning in (OTHERS | {"none": Unaware()}).items():
        other = dataclasses.replace(experiment.model, conditioning=conditioning)
        models[name] = match_size(other, count(experiment.model), count)
    if experiment.model.place:
        models["CAPE, not shown places"] = dataclasses.replace(experiment.model, place=False)
    return {name: dataclasses.replace(experiment, model=model) for name, model in models.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", nargs="?", default="cns2d")
    parser.add_argument("--out", type=Path, default=Path("runs/flows"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", default=None, help="names of contenders")
    asked = parser.parse_args()

    rows = []
    for name, experiment in contenders(load_toml(Experiment, presets()[asked.preset])).items():
        if asked.only and name not in asked.only:
            continue
        summaries, seconds = [], []
        for seed in asked.seeds:
            one = dataclasses.replace(
                experiment, training=dataclasses.replace(experiment.training, seed=seed)
            )
            folder = asked.out / asked.preset / f"{name}-{seed}"
            evaluation, spent = result(one, folder, figures=True)
            summaries.append(evaluation.summary)
            seconds.append(spent)
        rows.append((name, count_parameters(load(folder)), summaries, float(np.median(seconds))))
        print(markdown(asked.preset, rows), flush=True)


def markdown(preset: str, rows: list) -> str:
    """Lay out the nRMSE (RMSE) by kind of parameter value, mean and standard deviation over seeds."""
    kinds = [kind for kind in KINDS if kind in rows[0][2][0]]
    lines = [
        f"| {preset} | parameters | {' | '.join(kinds)} | CPU s |",
        "|" + "---|" * (3 + len(kinds)),
    ]
    for name, size, summaries, seconds in rows:
        each = [
            f"{spread([s[kind]['nRMSE'] for s in summaries])} "
            f"({np.mean([s[kind]['RMSE'] for s in summaries]):.3f})"
            for kind in kinds
        ]
        lines.append(f"| {name} | {size / 1000:.0f}k | {' | '.join(each)} | {seconds:.0f} |")
    still = [f"{rows[0][2][0][kind]['persistence_nRMSE']:.3f}" for kind in kinds]
    return "\n".join([*lines, f"| persistence | 0 | {' | '.join(still)} | |"]) + "\n"


if __name__ == "__main__":
    main()
