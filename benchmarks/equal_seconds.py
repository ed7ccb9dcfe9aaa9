"""Train surrogates of a preset's data for equal CPU seconds, and print their errors.

    python benchmarks/equal_seconds.py cns2d [--seconds 600] [--seeds 0 1 2] [--only ours "FiLM, U-Net"] [--into PAGE]

`ours` is the preset as it is. The others identify no equation and have at most its number of weights: FiLM around
several base solvers, our network without the equation, and the published CAPE, which keeps the width of its paper and
has more. Two short trainings measure the CPU seconds of an epoch of each, and it trains for as many epochs as
`--seconds` allow. The U-Net is trained with AdamW, which suits it better. Everything else is that of the preset.

Errors are nRMSE of whole rollouts from initial conditions that no training saw. Every training adds a line to
benchmarks/equal_seconds/results/PRESET.jsonl, and is not repeated. `--into` replaces the table of a page that follows
the mark <!-- equal seconds PRESET -->.
"""

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
from commit import commit
from records import add_record, read_records
from sizing import counter, match_size
from table_text import replace_table, spread

from cape.commands.train import presets
from cape.config import load_toml
from cape.data import Data, prepare
from cape.evaluation.evaluate import evaluate
from cape.experiment import Experiment, train
from cape.model.arrays import count_weights
from cape.model.conditionings.film import FiLMConfig
from cape.paper.cape import PaperCAPEConfig
from cape.paper.fno import PaperFNOConfig
from cape.problem import Problem
from cape.release.markdown import table
from cape.solvers.solver import SolverConfig
from cape.solvers.unet import UNetConfig
from cape.solvers.warp_unet import WarpUNetConfig
from cape.surrogate import Surrogate
from cape.training.optimisers import AdamW

RESULTS = Path(__file__).with_name("equal_seconds") / "results"
OURS, PAPER = "ours", "CAPE (paper)"
OTHER_BASES: dict[str, SolverConfig] = {"U-Net": UNetConfig(), "warp U-Net": WarpUNetConfig()}
SHORT = (2, 4)  # epochs of the trainings that measure the seconds of an epoch
KINDS = ("seen", "interpolated", "extrapolated", "unseen")


def contenders(preset: Experiment, problem: Problem) -> dict[str, Experiment]:
    """Return the experiments by name, with the preset's number of epochs."""
    count = counter(problem)
    plain = dataclasses.replace(preset.model, identify=False)
    film = dataclasses.replace(plain, conditioning=FiLMConfig())
    models = {"CAPE, FNO": plain, "FiLM, FNO": film}
    models |= {f"FiLM, {name}": dataclasses.replace(film, base=base) for name, base in OTHER_BASES.items()}
    target = count(preset.model)
    found = {OURS: preset}
    for name, model in models.items():
        training = preset.training
        if isinstance(model.base, UNetConfig):
            training = dataclasses.replace(training, optimiser=AdamW(learning_rate=3e-3))
        found[name] = dataclasses.replace(preset, model=match_size(model, target, count), training=training)
    paper = dataclasses.replace(
        plain, base=PaperFNOConfig(width=20), conditioning=PaperCAPEConfig(), conserve=False
    )
    return found | {PAPER: dataclasses.replace(preset, model=paper)}


def trained(experiment: Experiment, data: Data) -> tuple[Surrogate, float]:
    """Train a surrogate, and return it with the CPU seconds that this took."""
    started = time.process_time()
    surrogate = train(experiment, data, progress=False)
    return surrogate, time.process_time() - started


def of_epochs(experiment: Experiment, epochs: int) -> Experiment:
    """Return an experiment with another number of epochs."""
    warmup = min(experiment.training.warmup_epochs, epochs - 1)
    training = dataclasses.replace(experiment.training, epochs=epochs, warmup_epochs=warmup)
    return dataclasses.replace(experiment, training=training)


def affordable_epochs(experiment: Experiment, data: Data, seconds: float) -> int:
    """Return the number of epochs that take about so many CPU seconds, by two short trainings."""
    few, more = (trained(of_epochs(experiment, epochs), data)[1] for epochs in SHORT)
    per_epoch = (more - few) / (SHORT[1] - SHORT[0])
    return max(round((seconds - few) / per_epoch) + SHORT[0], SHORT[0])


def measure(name: str, experiment: Experiment, data: Data, seed: int, epochs: int) -> dict[str, Any]:
    """Train and evaluate one contender, and return its record."""
    training = dataclasses.replace(experiment.training, seed=seed)
    chosen = of_epochs(dataclasses.replace(experiment, training=training), epochs)
    surrogate, seconds = trained(chosen, data)
    summary = evaluate(surrogate.at, data.test, surrogate.problem.training_values, examples=False).summary
    return {
        "contender": name,
        "seed": seed,
        "commit": commit(),
        "epochs": epochs,
        "weights": count_weights(surrogate),
        "seconds": round(seconds),
        "errors": {kind: float(f"{summary[kind]['nRMSE']:.4g}") for kind in KINDS if kind in summary},
    }


def run(preset: str, seconds: float, seeds: list[int], only: list[str] | None) -> None:
    """Train what is asked for and has no record."""
    experiment, path = load_toml(Experiment, presets()[preset]), RESULTS / f"{preset}.jsonl"
    data = prepare(experiment.data)
    found = contenders(experiment, Problem.of(data.training))
    if unknown := sorted(set(only or ()) - set(found)):
        raise SystemExit(
            f"--only: unknown contenders {', '.join(unknown)}; expected some of {', '.join(found)}"
        )
    for name in only or found:
        for seed in seeds:
            before = [record for record in read_records(path) if record["contender"] == name]
            if any(record["seed"] == seed for record in before):
                continue
            if name == OURS:
                epochs = experiment.training.epochs
            elif before:
                epochs = before[0]["epochs"]
            else:
                epochs = affordable_epochs(found[name], data, seconds)
            record = measure(name, found[name], data, seed, epochs)
            add_record(path, record)
            print(record, flush=True)


def lines(preset: str) -> list[list[str]]:
    """Return the table of all records of a preset."""
    found = [["contender", "weights", "epochs", *KINDS, "CPU seconds", "seeds", "commits"]]
    every = read_records(RESULTS / f"{preset}.jsonl")
    for name in dict.fromkeys(record["contender"] for record in every):
        runs = [record for record in every if record["contender"] == name]
        errors = [spread([run["errors"][kind] for run in runs]) for kind in KINDS]
        seconds = f"{np.median([run['seconds'] for run in runs]):.0f}"
        size = f"{runs[0]['weights'] / 1000:.0f}k"
        seeds = ", ".join(str(run["seed"]) for run in runs)
        commits = ", ".join(sorted({run["commit"] for run in runs}))
        found.append([name, size, str(runs[0]["epochs"]), *errors, seconds, seeds, commits])
    return found


def main() -> None:
    """Train, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", help="such as cns2d")
    parser.add_argument(
        "--seconds", type=float, default=600.0, help="CPU seconds of a training of the others"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", help="names of contenders")
    parser.add_argument("--into", type=Path, help="page whose table is replaced")
    asked = parser.parse_args()
    run(asked.preset, asked.seconds, asked.seeds, asked.only)
    text = table(lines(asked.preset))
    print(text)
    if asked.into:
        replace_table(asked.into, f"<!-- equal seconds {asked.preset} -->", text)


if __name__ == "__main__":
    main()
