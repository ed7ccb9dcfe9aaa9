"""Train on the public protocols and keep the errors as small records.

    python benchmarks/protocols/run.py [PROTOCOL ...] [--contenders ours FiLM] [--seeds 0 1 2] [--data FOLDER]

Every finished training adds one line to results/PROTOCOL.jsonl: contender, seed, commit, settings, errors of whole
rollouts, CPU seconds, and what the package identified. Trainings with a line are not repeated, so that a stopped study
is continued by the same command. `tables.py` makes the tables of the page.
"""

import argparse
import dataclasses
import sys
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "zoo"))  # for contenders.py
sys.path.append(str(Path(__file__).parents[1]))  # for sizing.py, commit.py and records.py

import contenders
import numpy as np
from commit import commit
from protocol import Protocol, relative_l2
from protocols import PROTOCOLS
from records import add_record, read_records

from cape.data import Data
from cape.datasets.trajectories import Trajectories
from cape.experiment import Experiment, train
from cape.identification.text import equation_text
from cape.model.arrays import count_weights
from cape.problem import Problem
from cape.surrogate import Surrogate
from cape.training.automatic import automatic_training

RESULTS = Path(__file__).parent / "results"
CONTENDERS = (contenders.OURS, "FiLM")
_AT_ONCE = 4  # rollouts


def main() -> None:
    """Run what is asked for and has no record."""
    parser = argparse.ArgumentParser(description="Train on the public protocols.")
    parser.add_argument(
        "protocols", nargs="*", metavar="PROTOCOL", help=f"of {', '.join(PROTOCOLS)}; default: all"
    )
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument(
        "--data", type=Path, default=Path("data/protocols"), help="folder of the simulated data"
    )
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.protocols) - set(PROTOCOLS)):
        parser.error(f"unknown protocols {', '.join(unknown)}; expected some of {', '.join(PROTOCOLS)}")
    for seed in arguments.seeds:
        for contender in arguments.contenders:
            for name in arguments.protocols or PROTOCOLS:
                if not any(r["contender"] == contender and r["seed"] == seed for r in records(name)):
                    add(name, measure(PROTOCOLS[name], contender, seed, arguments.data))


def experiment(protocol: Protocol, contender: str, problem: Problem, seed: int) -> Experiment:
    """Return the experiment of a contender: the automatic settings, but for what the protocol sets."""
    chosen = contenders.experiment(contender, problem, seed)
    model = dataclasses.replace(chosen.model, position_channels=protocol.position_channels)
    training = dataclasses.replace(chosen.training, epochs=protocol.epochs)
    return dataclasses.replace(chosen, model=model, training=training)


def measure(protocol: Protocol, contender: str, seed: int, folder: Path) -> dict[str, Any]:
    """Train one contender and measure the errors of its rollouts."""
    training, validation = protocol.training(folder)
    chosen = experiment(protocol, contender, Problem.of(training), seed)
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of parameters outside the trained range
        surrogate = train(chosen, Data(training, validation, protocol.test(folder, "inside")), progress=False)
        seconds = time.process_time() - started
        errors = {kind: summary(surrogate, protocol.test(folder, kind)) for kind in protocol.kinds}
    found = surrogate.equation
    settings, _ = automatic_training(chosen.training, training, identified=found is not None)
    return {
        "contender": contender,
        "seed": seed,
        "commit": commit(),
        "trajectories": training.samples,
        "epochs": settings.epochs,
        "batch": settings.batch,
        "weights": count_weights(surrogate),
        "seconds": round(seconds, 1),
        "identified": None if found is None else equation_text(found, surrogate.problem),
        "errors": errors,
    }


def summary(surrogate: Surrogate, truth: Trajectories) -> dict[str, float]:
    """Return mean and median over trajectories of the relative L2 error of the first channel; inf if one diverges."""
    u, p = truth.read().astype(np.float32), truth.parameters.astype(np.float32)
    steps, errors, persistence = u.shape[1] - 1, [], []
    for start in range(0, len(u), _AT_ONCE):
        some, rows = u[start : start + _AT_ONCE], p[start : start + _AT_ONCE]
        predicted = np.asarray(surrogate.rollout(some[:, 0], rows, steps))
        target = some[:, 1:, ..., :1]
        errors.append(relative_l2(predicted[..., :1], target))
        persistence.append(relative_l2(np.broadcast_to(some[:, :1, ..., :1], target.shape), target))
    every = np.nan_to_num(np.concatenate(errors), nan=np.inf)
    numbers = {"mean": every.mean(), "median": np.median(every)}
    numbers["persistence"] = np.concatenate(persistence).mean()
    return {name: float(f"{value:.4g}") for name, value in numbers.items()} | {"trajectories": len(u)}


def records(name: str) -> list[dict[str, Any]]:
    """Return the records of a protocol."""
    return read_records(RESULTS / f"{name}.jsonl")


def add(name: str, record: dict[str, Any]) -> None:
    """Append a record and print it."""
    add_record(RESULTS / f"{name}.jsonl", record)
    errors = ", ".join(f"{kind} {found['mean']:.3g}" for kind, found in record["errors"].items())
    print(
        f"{name}, {record['contender']}, seed {record['seed']}: {errors}; {record['seconds']:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
