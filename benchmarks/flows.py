"""Print the 2D tables of docs/results.md and docs/generalisation.md: conditionings under the training of a preset.

    python benchmarks/flows.py [cns2d | navierstokes2d | grayscott2d] [--seeds 0 1] [--only CAPE FiLM]

The preset defines the simulated data and the training. Errors are on initial conditions that no training saw. Every
contender has the largest base solver that keeps its number of weights at or below that of the preset's model. If the
preset identifies the equation, there are contenders without it, which train for more epochs in about the same time, and
there is a row for the equation without the network.

Runs are kept in --out and used again. A contender takes some 10 minutes on two CPU cores.
"""

import argparse
import dataclasses
import math
from pathlib import Path

import numpy as np
from contenders import OTHERS
from runs import evaluation_and_seconds
from sizing import counter, match_size
from table_text import spread

from cape.commands.train import presets
from cape.config import load_toml
from cape.data import prepare
from cape.evaluation.evaluate import evaluate
from cape.experiment import Experiment
from cape.model.arrays import count_weights
from cape.model.conditionings.unconditioned import UnconditionedConfig
from cape.pretrained import load
from cape.problem import Problem
from cape.surrogate import Surrogate

EPOCHS_WITHOUT_EQUATION = {"navier-stokes-eddies": 40, "compressible2d": 12}
KINDS = ("seen", "interpolated", "extrapolated", "unseen")


def contenders(experiment: Experiment) -> dict[str, Experiment]:
    """Return the preset's experiment, the same with other conditionings, and the same without position channels."""
    problem = Problem.of(prepare(experiment.data).training)
    count = counter(problem)
    models = {"CAPE": experiment.model}
    for name, conditioning in (OTHERS | {"none": UnconditionedConfig()}).items():
        other = dataclasses.replace(experiment.model, conditioning=conditioning)
        models[name] = match_size(other, count(experiment.model), count)
    if experiment.model.position_channels:
        models["CAPE, no position channels"] = dataclasses.replace(experiment.model, position_channels=False)
    found = {name: dataclasses.replace(experiment, model=model) for name, model in models.items()}
    return found | {
        f"{name}, no equation": plain for name, one in found.items() if (plain := without_equation(one))
    }


def without_equation(experiment: Experiment) -> Experiment | None:
    """Return an experiment of the same cost that identifies no equation, or None if it identifies none anyway."""
    if not experiment.model.identify:
        return None
    epochs = EPOCHS_WITHOUT_EQUATION[experiment.data.simulation.equation]
    model = dataclasses.replace(experiment.model, identify=False)
    return dataclasses.replace(
        experiment, model=model, training=dataclasses.replace(experiment.training, epochs=epochs)
    )


def equation_alone(surrogate: Surrogate, experiment: Experiment) -> dict:
    """Return the errors of the identified equation of a surrogate, without the network's correction."""
    assert surrogate.equation is not None
    nothing = (0.0,) * len(surrogate.problem.channels)
    surrogate.equation = dataclasses.replace(surrogate.equation, error=nothing)
    test = prepare(experiment.data).test
    return evaluate(surrogate.at, test, surrogate.problem.training_values, examples=False).summary


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
            evaluation, spent = evaluation_and_seconds(one, folder, figures=True)
            summaries.append(evaluation.summary)
            seconds.append(spent)
        surrogate = load(folder)
        rows.append((name, count_weights(surrogate), summaries, float(np.median(seconds))))
        if surrogate.equation is not None:
            rows.append((f"{name}, its equation alone", 0, [equation_alone(surrogate, experiment)], math.nan))
        print(markdown(asked.preset, rows), flush=True)


def markdown(preset: str, rows: list) -> str:
    """Format the nRMSE (RMSE) for each kind of parameter value, mean and standard deviation over seeds."""
    kinds = [kind for kind in KINDS if kind in rows[0][2][0]]
    lines = [
        f"| {preset} | parameters | {' | '.join(kinds)} | CPU s |",
        "|" + "---|" * (3 + len(kinds)),
    ]
    for name, weights, summaries, seconds in rows:
        each = [
            f"{spread([s[kind]['nRMSE'] for s in summaries])} "
            f"({np.mean([s[kind]['RMSE'] for s in summaries]):.3f})"
            for kind in kinds
        ]
        spent = "" if math.isnan(seconds) else f"{seconds:.0f}"
        lines.append(f"| {name} | {weights / 1000:.0f}k | {' | '.join(each)} | {spent} |")
    persistence = [f"{rows[0][2][0][kind]['persistence_nRMSE']:.3f}" for kind in kinds]
    return "\n".join([*lines, f"| persistence | 0 | {' | '.join(persistence)} | |"]) + "\n"


if __name__ == "__main__":
    main()
