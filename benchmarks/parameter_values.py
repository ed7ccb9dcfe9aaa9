"""Print how the error falls with the number of parameter values trained on, and grows with the distance from them.

    python benchmarks/parameter_values.py [burgers | advection] [--seeds 0 1 2] [--only 3 5 ...]

Every row has as much data (360 trajectories of the preset's equation, simulated from as many initial conditions) and
the training of the preset, with 3 to 17 values equidistant in the logarithm, or one value per trajectory (continuous);
the last row is trained on 9 values of ten times the range in either direction, so that nothing it is judged at is
outside: what extrapolation costs is the ratio to that row, the rest is how hard a value is. All rows are judged on the
same 48 initial conditions, which no training saw, at values inside the trained range, at its ends, twice and ten times
outside of it. nRMSE; the ratios in brackets are to the error inside. Runs are kept in --out and used again.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from generalisation import result, spread

from cape.commands.train import presets
from cape.config import load_toml
from cape.data import simulated
from cape.datasets.opening import open_files
from cape.evaluation.evaluate import evaluate
from cape.experiment import Experiment
from cape.pretrained import load

RANGES = {"burgers": ("Nu", 0.002, 2.0), "advection": ("beta", 0.2, 4.0)}
VALUES = ("3", "5", "9", "17", "continuous", "9, trained there")
TRAJECTORIES, JUDGED = 360, 48
INSIDE = (0.08, 0.23, 0.42, 0.58, 0.77, 0.92)  # of the way from the smallest to the largest, in the logarithm


def experiment_of(
    equation: str, values: str, seed: int, folder: Path, strides: tuple[int, ...] = ()
) -> Experiment:
    """Make the experiment of one row: the preset, with other strides if asked for, on its own data."""
    name, low, high = RANGES[equation]
    preset = load_toml(Experiment, presets()[f"{equation}1d"])
    if values == "continuous":
        parameters, samples = f"{name}=loguniform:{low:g}:{high:g}", TRAJECTORIES
    else:
        count, farther = (9, 10.0) if values == VALUES[-1] else (int(values), 1.0)
        listed = ",".join(f"{value:.6g}" for value in np.geomspace(low / farther, high * farther, count))
        parameters, samples = f"{name}={listed}", TRAJECTORIES // count
    simulation = dataclasses.replace(
        preset.data.simulation, parameters=(parameters,), samples=samples, own=samples
    )
    data = dataclasses.replace(preset.data, simulation=simulation, held_out=(), folder=str(folder / "data"))
    augmentation = preset.training.augmentation
    augmentation = dataclasses.replace(augmentation, strides=strides or augmentation.strides)
    training = dataclasses.replace(preset.training, seed=seed, augmentation=augmentation)
    return Experiment(data, preset.model, training)


def judged_values(equation: str) -> dict[str, list[float]]:
    """List the values at which rows are judged, by where they lie."""
    _, low, high = RANGES[equation]
    return {
        "inside": [float(low * (high / low) ** way) for way in INSIDE],
        "the least": [low],
        "half the least": [low / 2],
        "the largest": [high],
        "twice the largest": [2 * high],
        "a tenth of the least": [low / 10],
        "ten times the largest": [10 * high],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("equation", nargs="?", choices=RANGES, default="burgers")
    parser.add_argument("--out", type=Path, default=Path("runs/parameter_values"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", choices=VALUES, default=VALUES)
    parser.add_argument("--strides", type=int, nargs="+", default=(), help="1: the preset without its own")
    asked = parser.parse_args()

    places = judged_values(asked.equation)
    name = RANGES[asked.equation][0]
    every = ",".join(f"{value:.6g}" for values in places.values() for value in values)
    template = experiment_of(asked.equation, "3", 0, asked.out).data
    others = dataclasses.replace(
        template.simulation, parameters=(f"{name}={every}",), samples=JUDGED, own=0, seed=1
    )
    files = simulated(dataclasses.replace(template, simulation=others), progress=False)
    truth = open_files([files]).subsample(time=template.time_stride)

    print(f"| {asked.equation}, values | {' | '.join(places)} |")
    print("|" + "---|" * (1 + len(places)))
    for values in asked.only:
        errors: dict[str, list[float]] = {place: [] for place in places}
        for seed in asked.seeds:
            folder = asked.out / asked.equation / f"{values.replace(', ', '-').replace(' ', '-')}-{seed}"
            result(experiment_of(asked.equation, values, seed, asked.out, tuple(asked.strides)), folder)
            surrogate = load(folder)
            known, window = surrogate.problem.training_values, surrogate.window
            evaluation = evaluate(surrogate.at, truth, known, examples=False, window=window)
            found = {row.parameters[name]: row.values["nRMSE"] for row in evaluation.rows}
            for place, expected in places.items():
                nearest = [min(found, key=lambda value: abs(value - one)) for one in expected]
                errors[place].append(float(np.mean([found[value] for value in nearest])))
        inside = np.mean(errors["inside"])
        cells = [f"{spread(each)} ({np.mean(each) / inside:.1f}x)" for each in errors.values()]
        print(f"| {values} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
