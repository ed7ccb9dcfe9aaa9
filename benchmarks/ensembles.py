"""Measure what an ensemble costs and gains: a training of 1 and of 8 members, with all or a share of each batch.

    python benchmarks/ensembles.py burgers1d --data data --seeds 0 1 2

Each training runs in a process of its own. The seconds are those of `cape.experiment.train` (identification,
compilation, updates, validations); CPU seconds are those of all threads. Memory is the largest resident set of the
process. The errors are nRMSE of rollouts at trained and at unseen parameter values.
"""

import argparse
import dataclasses
import importlib.resources
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

CASES = {"one": (1, 1.0), "members": (8, 1.0), "shared": (8, 0.75)}


def measure(preset: str, data: str, case: str, seed: int, epochs: int) -> dict:
    """Train and evaluate one case in this process."""
    from cape.config import load_toml
    from cape.data import prepare
    from cape.evaluation.evaluate import evaluate
    from cape.experiment import Experiment, train

    members, share = CASES[case]
    experiment = load_toml(
        Experiment, Path(str(importlib.resources.files("cape.configs"))) / f"{preset}.toml"
    )
    training = dataclasses.replace(experiment.training, seed=seed, member_share=share)
    training = dataclasses.replace(training, epochs=epochs) if epochs else training
    experiment = dataclasses.replace(
        experiment,
        data=dataclasses.replace(experiment.data, folder=data),
        model=dataclasses.replace(experiment.model, members=members),
        training=training,
    )
    parts = prepare(experiment.data, progress=False)
    wall, cpu = time.perf_counter(), time.process_time()
    surrogate = train(experiment, parts, progress=False)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    values = surrogate.problem.training_values
    errors = evaluate(surrogate.at, parts.test, values, window=surrogate.window, examples=False).summary
    result = {"wall": wall, "cpu": cpu, "memory": memory}
    result |= {kind: errors[kind]["nRMSE"] for kind in ("seen", "unseen")}
    if members > 1:
        one = surrogate.member(0)
        alone = evaluate(one.at, parts.test, values, window=one.window, examples=False).summary
        result |= {f"{kind}, first member": alone[kind]["nRMSE"] for kind in ("seen", "unseen")}
    return {"case": case, "seed": seed, **{name: round(value, 5) for name, value in result.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", nargs="?", default="burgers1d")
    parser.add_argument("--data", default="data", help="folder of simulated files")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=0, help="0: those of the preset")
    parser.add_argument("--case", choices=CASES, help="one case, in this process")
    options = parser.parse_args()
    if options.case:
        row = measure(options.preset, options.data, options.case, options.seeds[0], options.epochs)
        print(json.dumps(row), flush=True)
        return
    found: dict[str, list[dict]] = {case: [] for case in CASES}
    for seed in options.seeds:
        for case in CASES:
            command = [sys.executable, __file__, options.preset, "--data", options.data, "--case", case]
            command += ["--seeds", str(seed), "--epochs", str(options.epochs)]
            text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found[case].append(json.loads(text.splitlines()[-1]))
            print(found[case][-1], flush=True)
    one = {name: np.mean([row[name] for row in found["one"]]) for name in ("wall", "cpu", "memory")}
    for case, rows in found.items():
        means = {
            name: np.mean([row[name] for row in rows]) for name in rows[0] if name not in ("case", "seed")
        }
        ratios = {name: round(float(means[name] / one[name]), 2) for name in one}
        print(
            json.dumps({"case": case, "ratios": ratios} | {k: round(float(v), 4) for k, v in means.items()})
        )


if __name__ == "__main__":
    main()
