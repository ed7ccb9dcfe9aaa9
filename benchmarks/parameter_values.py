"""Print the error for different numbers of trained parameter values, inside the trained range and outside it.

    python benchmarks/parameter_values.py [burgers | advection] [--seeds 0 1 2] [--only 3 5 ...]

Every row has the training of the preset and 360 simulated trajectories, each from its own initial condition. The rows
are trained on 3 to 17 values with equal ratios, or on one value per trajectory (continuous). The last row is trained on
9 values of a range that is ten times wider at both ends, so its range contains all test values. The ratio of another
row to the last one is therefore the cost of extrapolation, apart from how difficult a value is.

All rows are tested on the same 48 initial conditions, which no training saw. The test values are inside the trained
range, at its ends, and two and ten times outside it. The table shows the nRMSE and, in brackets, its ratio to the error
inside the range. Runs are kept in --out and used again.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from runs import evaluation_and_seconds
from table_text import spread

from cape.commands.train import presets
from cape.config import load_toml
from cape.data import simulated
from cape.datasets.opening import open_files
from cape.datasets.trajectories import Trajectories
from cape.evaluation.evaluate import evaluate
from cape.experiment import Experiment
from cape.pretrained import load
from cape.surrogate import Surrogate

RANGES = {"burgers": ("Nu", 0.002, 2.0), "advection": ("beta", 0.2, 4.0)}
WIDER = "9, trained there"
VALUES = ("3", "5", "9", "17", "continuous", WIDER)
TRAJECTORIES, TESTED = 360, 48
INSIDE = (0.08, 0.23, 0.42, 0.58, 0.77, 0.92)  # fractions of the range, in the logarithm


def experiment_of(
    equation: str, values: str, seed: int, folder: Path, strides: tuple[int, ...] = ()
) -> Experiment:
    """Return the experiment of one row.

    Args:
        values: which parameter values it is trained on, one of VALUES.
        folder: the simulated data are kept in its folder "data".
        strides: strides of the augmentation; empty: those of the preset.
    """
    name, low, high = RANGES[equation]
    preset = load_toml(Experiment, presets()[f"{equation}1d"])
    if values == "continuous":
        parameters, samples = f"{name}=loguniform:{low:g}:{high:g}", TRAJECTORIES
    else:
        count, factor = (9, 10.0) if values == WIDER else (int(values), 1.0)
        listed = ",".join(f"{value:.6g}" for value in np.geomspace(low / factor, high * factor, count))
        parameters, samples = f"{name}={listed}", TRAJECTORIES // count
    simulation = dataclasses.replace(
        preset.data.simulation, parameters=(parameters,), samples=samples, unshared=samples
    )
    data = dataclasses.replace(preset.data, simulation=simulation, held_out=(), folder=str(folder / "data"))
    augmentation = preset.training.augmentation
    augmentation = dataclasses.replace(augmentation, strides=strides or augmentation.strides)
    training = dataclasses.replace(preset.training, seed=seed, augmentation=augmentation)
    return Experiment(data, preset.model, training)


def test_values(equation: str) -> dict[str, list[float]]:
    """Return the test values of each column of the table."""
    _, low, high = RANGES[equation]
    return {
        "inside": [float(low * (high / low) ** fraction) for fraction in INSIDE],
        "the least": [low],
        "half the least": [low / 2],
        "the largest": [high],
        "twice the largest": [2 * high],
        "a tenth of the least": [low / 10],
        "ten times the largest": [10 * high],
    }


def test_trajectories(equation: str, folder: Path) -> Trajectories:
    """Simulate the trajectories that all rows are tested on, or open them if an earlier run left them."""
    template = experiment_of(equation, "3", 0, folder).data
    listed = ",".join(f"{value:.6g}" for column in test_values(equation).values() for value in column)
    simulation = dataclasses.replace(
        template.simulation,
        parameters=(f"{RANGES[equation][0]}={listed}",),
        samples=TESTED,
        unshared=0,
        seed=1,
    )
    files = simulated(dataclasses.replace(template, simulation=simulation), progress=False)
    return open_files([files]).subsample(time=template.time_stride)


def column_errors(
    surrogate: Surrogate, truth: Trajectories, columns: dict[str, list[float]]
) -> dict[str, float]:
    """Compute the mean nRMSE at the test values of each column."""
    (name,) = truth.parameter_names
    known, window = surrogate.problem.training_values, surrogate.window
    evaluation = evaluate(surrogate.at, truth, known, examples=False, window=window)
    found = {row.parameters[name]: row.values["nRMSE"] for row in evaluation.rows}
    errors = {}
    for column, values in columns.items():
        # the files hold rounded values
        nearest = [min(found, key=lambda value: abs(value - expected)) for expected in values]
        errors[column] = float(np.mean([found[value] for value in nearest]))
    return errors


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("equation", nargs="?", choices=RANGES, default="burgers")
    parser.add_argument("--out", type=Path, default=Path("runs/parameter_values"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", choices=VALUES, default=VALUES)
    parser.add_argument(
        "--strides", type=int, nargs="+", default=(), help="strides in place of the preset's; 1: none"
    )
    asked = parser.parse_args()

    columns, truth = test_values(asked.equation), test_trajectories(asked.equation, asked.out)
    print(f"| {asked.equation}, values | {' | '.join(columns)} |")
    print("|" + "---|" * (1 + len(columns)))
    for values in asked.only:
        errors: dict[str, list[float]] = {column: [] for column in columns}
        for seed in asked.seeds:
            folder = asked.out / asked.equation / f"{values.replace(', ', '-').replace(' ', '-')}-{seed}"
            experiment = experiment_of(asked.equation, values, seed, asked.out, tuple(asked.strides))
            evaluation_and_seconds(experiment, folder)
            for column, error in column_errors(load(folder), truth, columns).items():
                errors[column].append(error)
        inside = np.mean(errors["inside"])
        cells = [f"{spread(each)} ({np.mean(each) / inside:.1f}x)" for each in errors.values()]
        print(f"| {values} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
