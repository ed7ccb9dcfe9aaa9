"""Print how well the shipped surrogate burgers1d is fine-tuned on eight trajectories below its range of viscosities.

    python benchmarks/fine_tuning.py [--sets 3]

Each set has ten initial conditions: eight to train on, one for validation, one that is left out. The errors are nRMSE
of rollouts of ten steps from 30 other initial conditions, mean ± standard deviation over the sets. Seconds are of one
training, compilation included. The first row is the shipped surrogate, the second one `cape.train` with its defaults.
"""

import argparse
import dataclasses
import tempfile
import time

import numpy as np
from table_text import spread

import cape
from cape.datasets.simulate.simulation import simulate
from cape.datasets.trajectories import Trajectories
from cape.experiment import recorded_settings
from cape.locate import locate
from cape.training.config import TrainingConfig
from cape.training.optimisers import Muon
from cape.training.start import fine_tuning

START, NEW, SIZE, TESTS = "burgers1d", 5e-4, 10, 30


def simulated(folder: str, sets: int) -> Trajectories:
    """Solve Burgers' equation at the new viscosity and at those of the shipped surrogate."""
    values = [NEW, *(value for (value,) in cape.load(START).problem.values)]
    settings = {"samples": SIZE * sets + TESTS, "seed": 1, "resolution": 128, "frames": 11, "t_end": 2.0}
    simulate("burgers", folder, {"Nu": ",".join(map(str, values))}, progress=False, **settings)
    return cape.open(folder).loaded()


def errors(surrogate: cape.Surrogate, tests: Trajectories) -> tuple[float, float]:
    """Return the mean nRMSE at the new viscosity, and over those of the shipped surrogate."""
    new = tests.parameters[:, 0] == NEW
    parts = (tests.select(new), tests.select(~new))
    found = [cape.evaluate(surrogate, part).evaluation.rows for part in parts]
    return tuple(float(np.mean([row.values["nRMSE"] for row in rows])) for rows in found)


def print_table(everything: Trajectories, sets: int) -> None:
    """Fine-tune on each set in each way, and print the mean errors."""
    conditions = np.unique(everything.initial_conditions)
    tests = everything.select(np.isin(everything.initial_conditions, conditions[-TESTS:]))
    new = everything.parameters[:, 0] == NEW
    defaults = fine_tuning(recorded_settings(locate(START)).training, new_data=True)
    ways: dict[str, tuple[np.ndarray, TrainingConfig]] = {
        "eight trajectories": (new, defaults),
        "the same, learning rate of random weights": (new, dataclasses.replace(defaults, optimiser=Muon())),
        "eight trajectories at each old value as well": (np.ones_like(new), defaults),
    }
    print(f"| | error at Nu = {NEW:g} | error at the old values | seconds |\n|---|---|---|---|")
    before = errors(cape.load(START), tests)
    print(f"| {START} | {before[0]:.3f} | {before[1]:.3f} | |", flush=True)
    for name, (chosen, training) in ways.items():
        results = []
        for first in range(0, SIZE * sets, SIZE):
            given = np.isin(everything.initial_conditions, conditions[first : first + SIZE])
            data = everything.select(chosen & given)
            begin = time.perf_counter()
            surrogate = cape.train(data, start=START, training=training, progress=False)
            seconds = time.perf_counter() - begin
            results.append((*errors(surrogate, tests), seconds))
        at_new, at_old, took = zip(*results, strict=True)
        print(f"| {name} | {spread(at_new)} | {spread(at_old)} | {np.mean(took):.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", type=int, default=3, help="number of sets of trajectories")
    sets = parser.parse_args().sets
    with tempfile.TemporaryDirectory() as folder:
        print_table(simulated(folder, sets), sets)


if __name__ == "__main__":
    main()
