"""Measure what an ensemble costs and gains: a training of 1 and of 8 members, with all or a share of each batch.

    python benchmarks/ensembles.py burgers1d --data data --seeds 0 1 2
    python benchmarks/ensembles.py burgers1d --data data --updates 5

Each training runs in a process of its own. The seconds are those of `cape.experiment.train` (identification,
compilation, updates, validations); CPU seconds are those of all threads. Memory is the largest resident set of the
process. The errors are nRMSE of rollouts at trained and at unseen parameter values.

With --updates N, updates of all cases are computed in turn, N times each at four points of the curriculum. The medians
of their seconds and CPU seconds are printed, their means over the four points, and what the compiled update needs
besides data and weights. Compilation and the search for an equation do not count.
"""

import argparse
import dataclasses
import importlib.resources
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

POINTS = (0.125, 0.375, 0.625, 0.875)  # of the progress of a training
CASES = {"one": (1, 1.0), "members": (8, 1.0), "shared": (8, 0.75)}


def read_preset(preset: str, data: str):
    """Return the experiment of a preset with its data in a folder."""
    from cape.config import load_toml
    from cape.experiment import Experiment

    experiment = load_toml(
        Experiment, Path(str(importlib.resources.files("cape.configs"))) / f"{preset}.toml"
    )
    return dataclasses.replace(experiment, data=dataclasses.replace(experiment.data, folder=data))


def measure(preset: str, data: str, case: str, seed: int, epochs: int) -> dict:
    """Train and evaluate one case in this process."""
    from cape.data import prepare
    from cape.evaluation.evaluate import evaluate
    from cape.experiment import train

    members, share = CASES[case]
    experiment = read_preset(preset, data)
    training = dataclasses.replace(experiment.training, seed=seed, member_share=share)
    training = dataclasses.replace(training, epochs=epochs) if epochs else training
    experiment = dataclasses.replace(
        experiment,
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


def compiled_updates(preset: str, data: str):
    """Compile the update of every case; return them with their arguments, and the autoregressive steps at POINTS."""
    import jax.numpy as jnp
    from flax import nnx

    from cape.data import prepare
    from cape.surrogate import Surrogate
    from cape.training.build import set_up
    from cape.training.functional_model import weights_of
    from cape.training.inputs import Schedule
    from cape.training.phases import plan_phases
    from cape.training.update import initial_state, update

    experiment = read_preset(preset, data)
    parts = prepare(experiment.data, progress=False)
    experiment, one, _ = set_up(experiment, parts.training)
    chosen = parts.training.select(np.arange(experiment.training.batch))
    batch = (jnp.asarray(chosen.read()), jnp.asarray(chosen.parameters, jnp.float32))
    std = jnp.asarray(one.normalisation.channel_std, jnp.float32)
    found = {}
    for case, (members, share) in CASES.items():
        model = dataclasses.replace(experiment.model, members=members)
        surrogate = Surrogate(one.problem, model, equation=one.equation, rngs=nnx.Rngs(0))
        training = dataclasses.replace(experiment.training, member_share=share)
        phases = plan_phases(surrogate, training, parts.training.samples)
        state = initial_state(*weights_of(surrogate), phases.training, phases.warm_up)
        arguments = (std, state, *batch)
        compiled = update.lower(phases.training, *arguments, Schedule(jnp.int32(0))).compile()
        found[case] = (compiled, arguments)
    plan, transitions = experiment.training.curriculum.plan, parts.training.frames - 1
    return found, [plan(progress, transitions).autoregressive for progress in POINTS]


def measure_updates(preset: str, data: str, repeats: int) -> None:
    """Print the medians of the seconds and of the CPU seconds of updates, computed in turn."""
    import jax
    import jax.numpy as jnp

    from cape.training.inputs import Schedule

    updates, steps = compiled_updates(preset, data)
    points: dict[str, list[tuple[float, float]]] = {case: [] for case in CASES}
    for autoregressive in steps:
        measured: dict[str, list[tuple[float, float]]] = {case: [] for case in CASES}
        for _ in range(repeats + 1):  # the first one may allocate memory
            for case, (compiled, (std, state, *batch)) in updates.items():
                wall, cpu = time.perf_counter(), time.process_time()
                state, _ = jax.block_until_ready(
                    compiled(std, state, *batch, Schedule(jnp.int32(autoregressive)))
                )
                measured[case].append((time.perf_counter() - wall, time.process_time() - cpu))
                updates[case] = (compiled, (std, state, *batch))
        for case, rows in measured.items():
            seconds, cpu = (statistics.median(column) for column in zip(*rows[1:], strict=True))
            points[case].append((seconds, cpu))
            row = {"case": case, "autoregressive": autoregressive, "seconds": seconds, "cpu": cpu}
            print(
                json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}),
                flush=True,
            )
    means = {case: np.mean(rows, 0) for case, rows in points.items()}
    for case, (seconds, cpu) in means.items():
        ratios = [round(float(ratio), 2) for ratio in (seconds, cpu) / means["one"]]
        megabytes = updates[case][0].memory_analysis().temp_size_in_bytes / 1e6
        print(
            json.dumps(
                {"case": case, "ratios of seconds and cpu": ratios, "MB of an update": round(megabytes)}
            )
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("preset", nargs="?", default="burgers1d")
    parser.add_argument("--data", default="data", help="folder of simulated files")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=0, help="0: those of the preset")
    parser.add_argument("--case", choices=CASES, help="one case, in this process")
    parser.add_argument(
        "--updates", type=int, default=0, help="measure this many updates only, and no training"
    )
    options = parser.parse_args()
    if options.updates:
        measure_updates(options.preset, options.data, options.updates)
        return
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
