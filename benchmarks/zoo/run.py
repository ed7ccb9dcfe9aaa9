"""Train the contenders of the zoo and keep the errors as small records.

    python benchmarks/zoo/run.py [EQUATION ...] [--contenders ours FiLM ...] [--seeds 0 1 2] [--data FOLDER]
    python benchmarks/zoo/run.py kdv --contenders ours FiLM --seeds 0 --epochs-times 8

Every finished training adds one line to results/EQUATION.jsonl, or results/EQUATION-8x.jsonl for 8 times the epochs:
contender, seed, commit, errors at each parameter value, CPU seconds, and what the package identified. Trainings with a
line are not repeated, so that a stopped study is continued by the same command, also on another machine. `tables.py`
makes tables and a figure of the records.
"""

import argparse
import dataclasses
import sys
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # for sizing.py, commit.py and records.py

from commit import commit
from contenders import MODELS, experiment
from equation import ZooEquation
from equations import EQUATIONS
from records import add_record, read_records

from cape.data import Data
from cape.evaluation.evaluate import evaluate
from cape.experiment import train
from cape.identification.text import equation_text
from cape.problem import Problem
from cape.training.automatic import automatic_training

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run what is asked for and has no record."""
    parser = argparse.ArgumentParser(description="Train the contenders of the zoo.")
    parser.add_argument(
        "equations", nargs="*", metavar="EQUATION", help=f"of {', '.join(EQUATIONS)}; default: all"
    )
    parser.add_argument("--contenders", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--data", type=Path, default=Path("data/zoo"), help="folder of the simulated data")
    parser.add_argument(
        "--epochs-times",
        type=int,
        default=1,
        metavar="N",
        help="train for N times the automatic epochs of the others",
    )
    arguments = parser.parse_args()
    times = arguments.epochs_times
    if times < 1:
        parser.error(f"--epochs-times: expected 1 or more, got {times}")
    if unknown := sorted(set(arguments.equations) - set(EQUATIONS)):
        parser.error(f"unknown equations {', '.join(unknown)}; expected some of {', '.join(EQUATIONS)}")
    for seed in arguments.seeds:
        for name in arguments.equations or EQUATIONS:
            for contender in arguments.contenders:
                if not any(r["contender"] == contender and r["seed"] == seed for r in records(name, times)):
                    record = measure(EQUATIONS[name], contender, seed, arguments.data, times)
                    add(name, record, times)


def measure(equation: ZooEquation, contender: str, seed: int, folder: Path, times: int = 1) -> dict[str, Any]:
    """Train one contender, for the automatic number of epochs or `times` that of the others, and evaluate it."""
    data = Data(*equation.data(folder))
    chosen = experiment(contender, Problem.of(data.training), seed)
    if times > 1:
        training, _ = automatic_training(chosen.training, data.training, identified=False)
        training = dataclasses.replace(training, epochs=times * training.epochs)
        chosen = dataclasses.replace(chosen, training=training)
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # of forces that depend on the position, for every contender
        surrogate = train(chosen, data, progress=False)
    seconds = time.process_time() - started
    evaluation = evaluate(surrogate.at, data.test, surrogate.problem.training_values, examples=False)
    found = surrogate.equation
    return {
        "contender": contender,
        "seed": seed,
        "commit": commit(),
        "seconds": round(seconds, 1),
        "identified": None if found is None else equation_text(found, surrogate.problem),
        "values": [
            {"kind": row.kind, "parameters": row.parameters, "nRMSE": float(f"{row.values['nRMSE']:.4g}")}
            for row in evaluation.rows
        ],
    }


def records(name: str, times: int = 1) -> list[dict[str, Any]]:
    """Return the records of an equation, of trainings with `times` the automatic number of epochs."""
    return read_records(_path(name, times))


def add(name: str, record: dict[str, Any], times: int = 1) -> None:
    """Append a record and print it."""
    add_record(_path(name, times), record)
    errors = ", ".join(f"{row['kind']} {row['nRMSE']:.3g}" for row in record["values"])
    print(
        f"{name}, {record['contender']}, seed {record['seed']}: {errors}; {record['seconds']:.0f} s",
        flush=True,
    )


def _path(name: str, times: int) -> Path:
    return RESULTS / f"{name}{'' if times == 1 else f'-{times}x'}.jsonl"


if __name__ == "__main__":
    main()
