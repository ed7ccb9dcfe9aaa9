"""Compare a surrogate with automatic settings to apebench's own FNO, on three of its scenarios.

    python benchmarks/emulators/compare.py [SCENARIO ...] [--seeds 0 1 2] [--into docs/zoo.md]

apebench has one parameter value in each scenario, so the surrogate is unconditioned. apebench is installed in a virtual
environment of its own, makes the data there, and trains its own network with its own optimiser. Prints the geometric
mean over the first 100 steps, and the error at step 200, of the relative error of the test rollouts, and processor
seconds. Keeps records in results.jsonl; what has a record is not repeated.
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import jax.numpy as jnp
import numpy as np

sys.path.append(str(Path(__file__).parents[1]))  # for commit.py and table_text.py

from commit import commit
from table_text import replace_table

from cape.data import Data, DataConfig
from cape.datasets.arrays import from_arrays
from cape.experiment import Experiment, train
from cape.identification.text import equation_text
from cape.model.conditionings.unconditioned import UnconditionedConfig
from cape.rollout import rollout
from cape.training.automatic import AUTOMATIC_MODEL, AUTOMATIC_TRAINING

HERE = Path(__file__).parent
RESULTS = HERE / "results.jsonl"
SCENARIOS = {"diff_burgers": "Burgers", "diff_kdv": "KdV", "diff_ks_cons": "Kuramoto-Sivashinsky"}
STEPS = 100  # of the geometric mean
OURS, THEIRS = "ours", "apebench's FNO"


def main() -> None:
    """Measure what has no record, and print the table."""
    parser = argparse.ArgumentParser(description="Compare with apebench's own FNO.")
    parser.add_argument("scenarios", nargs="*", default=list(SCENARIOS), metavar="SCENARIO")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--environment", type=Path, default=Path("data/apebench-environment"))
    parser.add_argument("--data", type=Path, default=Path("data/apebench"))
    parser.add_argument("--into", type=Path, default=None, help="page with the mark <!-- emulators -->")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.scenarios) - set(SCENARIOS)):
        parser.error(f"unknown scenarios {', '.join(unknown)}; expected some of {', '.join(SCENARIOS)}")
    for name in arguments.scenarios:
        data = arguments.data / f"{name}.npz"
        missing = [seed for seed in arguments.seeds if not _known(name, OURS, seed)]
        if not _known(name, THEIRS, 0) or (missing and not data.exists()):
            measured = _theirs(name, data, arguments.environment)
            if not _known(name, THEIRS, 0):
                _add(name, THEIRS, 0, measured)
        for seed in missing:
            _add(name, OURS, seed, _ours(data, seed))
    if arguments.into:
        replace_table(arguments.into, "<!-- emulators -->", _table())
    else:
        print(_table())


def _theirs(name: str, data: Path, environment: Path) -> dict:
    """Train apebench's FNO in its environment, which is made if it is not there."""
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "apebench"], check=True)
    data.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        subprocess.run(
            [python, HERE / "theirs.py", name, data, result], check=True, stderr=subprocess.DEVNULL
        )
        return json.loads(result.read_text(encoding="utf-8"))


def _ours(file: Path, seed: int) -> dict:
    """Train a surrogate with automatic settings on the scenario's data, a tenth of it for validation."""
    with np.load(file) as arrays:
        training, test = (np.moveaxis(arrays[name], 2, -1) for name in ("training", "test"))
    points, held = training.shape[2], len(training) // 10
    trajectories = [
        from_arrays(u, {}, dt=1.0, dx=1 / points, channels=["u"])
        for u in (training[held:], training[:held], test)
    ]
    data = Data(*trajectories)
    model = dataclasses.replace(AUTOMATIC_MODEL, conditioning=UnconditionedConfig())
    experiment = Experiment(DataConfig(), model, dataclasses.replace(AUTOMATIC_TRAINING, seed=seed))
    started = time.process_time()
    surrogate = train(experiment, data, progress=False)
    seconds = time.process_time() - started
    step = surrogate.at(jnp.zeros((len(test), 0)))
    frames = np.asarray(rollout(step, jnp.asarray(test[:, 0]), test.shape[1] - 1))
    errors = np.linalg.norm(frames - test[:, 1:], axis=(2, 3)) / np.linalg.norm(test[:, 1:], axis=(2, 3))
    found = surrogate.equation
    return {
        "errors": [float(f"{e:.4g}") for e in errors.mean(0)],
        "seconds": round(seconds, 1),
        "identified": None if found is None else equation_text(found, surrogate.problem),
    }


def _records() -> list[dict]:
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    return [json.loads(line) for line in lines]


def _known(scenario: str, model: str, seed: int) -> bool:
    return any((r["scenario"], r["model"], r["seed"]) == (scenario, model, seed) for r in _records())


def _add(scenario: str, model: str, seed: int, measured: dict) -> None:
    record = {"scenario": scenario, "model": model, "seed": seed, "commit": commit()} | measured
    with open(RESULTS, "a", encoding="utf-8") as file:
        file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _table() -> str:
    lines = [
        "| scenario | model | runs | first 100 steps | step 200 | CPU seconds |",
        "|---|---|---|---|---|---|",
    ]
    for scenario, shown in SCENARIOS.items():
        for model in (THEIRS, OURS):
            runs = [r for r in _records() if (r["scenario"], r["model"]) == (scenario, model)]
            if runs:
                means = [float(np.exp(np.log(r["errors"][:STEPS]).mean())) for r in runs]
                spread = f" ± {np.std(means):.1g}" if len(runs) > 1 else ""
                last, seconds = (
                    np.mean([r["errors"][-1] for r in runs]),
                    np.median([r["seconds"] for r in runs]),
                )
                numbers = f"{np.mean(means):.2g}{spread} | {last:.2g} | {seconds:.0f}"
                lines.append(f"| {shown} | {model} | {len(runs)} | {numbers} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
