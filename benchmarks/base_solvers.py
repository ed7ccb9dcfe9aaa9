"""Compare base solvers on small forced flow in 2D: seconds of an update, and errors after equal CPU seconds.

    python benchmarks/base_solvers.py speed
    python benchmarks/base_solvers.py accuracy [--seconds 80] [--seeds 0 1 2] [--only FNO] [--out runs/base_solvers]

`speed` prints the median time of a forward and backward pass of each solver on 80 states of 32 x 32 points. The solvers
take turns. `accuracy` trains a surrogate with each of them, without identification of the equation, for as many epochs
as `--seconds` of CPU time allow by a measurement of the passes, and evaluates rollouts. It prints the CPU time that
each training really took, with compilation and evaluation. Runs are kept in --out and used again.
"""

import argparse
import dataclasses
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from runs import evaluation_and_seconds
from table_text import spread

from cape.commands.train import presets
from cape.config import load_toml
from cape.experiment import Experiment
from cape.model.arrays import count_weights
from cape.pretrained import load
from cape.solvers.factorised_fno import FactorisedFNOConfig
from cape.solvers.fno import FNOConfig
from cape.solvers.solver import Domain, SolverConfig
from cape.solvers.warp_unet import WarpUNetConfig

STATES, POINTS, CHANNELS = 80, 32, 9  # 8 trajectories of 10 steps; u, 4 heads and 4 position channels
TURNS = 10
SOLVERS: dict[str, SolverConfig] = {
    "FNO": FNOConfig(width=24, modes=8),
    "F-FNO": FactorisedFNOConfig(width=32, modes=16),
    "warp U-Net": WarpUNetConfig(),
    "warp U-Net, weights of the FNO": WarpUNetConfig(width=11),
    "warp U-Net, deeper": WarpUNetConfig(width=5, levels=3),
    "warp U-Net, first grid full": WarpUNetConfig(width=4, levels=3, coarsening=0),
}
TRAINED = ("FNO", "F-FNO", "warp U-Net")
PARAMETERS = ("nu=0.001,0.002,0.003,0.004,0.006,0.008", "forcing=0,2")
UPDATE_PER_PASS = 1.6  # an update of a training takes about this many times its forward and backward pass


def passes(config: SolverConfig) -> tuple[Callable[[], object], int]:
    """Return a compiled forward and backward pass of a solver, and its number of weights."""
    domain = Domain(("periodic",) * 2, (POINTS,) * 2, (0.0,) * 2, (1.0,) * 2)
    graph, weights = nnx.split(config.build(CHANNELS, 1, domain, rngs=nnx.Rngs(0)))
    u = jnp.asarray(np.random.default_rng(0).normal(size=(STATES, POINTS, POINTS, CHANNELS)), jnp.float32)
    gradient = jax.jit(jax.grad(lambda w, u: jnp.mean(nnx.merge(graph, w)(u) ** 2), argnums=(0, 1)))
    jax.block_until_ready(gradient(weights, u))
    return lambda: jax.block_until_ready(gradient(weights, u)), sum(x.size for x in jax.tree.leaves(weights))


def measure(names: tuple[str, ...]) -> dict[str, tuple[int, float, float]]:
    """Return weights and the median wall and CPU seconds of a forward and backward pass of each solver."""
    calls = {name: passes(SOLVERS[name]) for name in names}
    wall: dict[str, list[float]] = {name: [] for name in names}
    cpu: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(TURNS):
        for name, (call, _) in calls.items():
            started = time.perf_counter(), time.process_time()
            call()
            wall[name].append(time.perf_counter() - started[0])
            cpu[name].append(time.process_time() - started[1])
    return {
        name: (weights, statistics.median(wall[name]), statistics.median(cpu[name]))
        for name, (_, weights) in calls.items()
    }


def speed() -> None:
    found = measure(tuple(SOLVERS))
    print("| base solver | weights | forward and backward, ms | ratio to FNO |\n|---|---|---|---|")
    for name, (weights, wall, _) in found.items():
        print(f"| {name} | {weights / 1000:.0f}k | {1e3 * wall:.0f} | {wall / found['FNO'][1]:.2f} |")


def experiment(base: SolverConfig, epochs: int, seed: int) -> Experiment:
    """Return the preset navierstokes2d on fewer and shorter trajectories, without identification."""
    preset = load_toml(Experiment, presets()["navierstokes2d"])
    simulation = dataclasses.replace(
        preset.data.simulation, parameters=PARAMETERS, samples=10, frames=11, t_end=2.0, unshared=10
    )
    data = dataclasses.replace(preset.data, simulation=simulation, held_out=("nu=0.003", "nu=0.006"))
    model = dataclasses.replace(preset.model, base=base, identify=False)
    training = dataclasses.replace(preset.training, epochs=epochs, seed=seed)
    return dataclasses.replace(preset, data=data, model=model, training=training)


def epochs_by_solver(seconds: float, out: Path) -> dict[str, int]:
    """Return the number of epochs that each solver can train for; kept in `out`, so that later seeds have the same."""
    kept = out / "epochs.json"
    if not kept.exists():
        per_pass = {name: cpu for name, (_, _, cpu) in measure(TRAINED).items()}
        updates = 8  # of an epoch: 8 trained values, 8 of 10 samples each, in batches of 8
        epochs = {
            name: max(round(seconds / (updates * UPDATE_PER_PASS * cpu)), 4) for name, cpu in per_pass.items()
        }
        out.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(epochs))
    return json.loads(kept.read_text())


def accuracy(seconds: float, seeds: list[int], only: list[str] | None, out: Path) -> None:
    epochs = epochs_by_solver(seconds, out)
    found: dict[str, list] = {}
    for seed in seeds:
        for name in TRAINED:
            if only and name not in only:
                continue
            folder = out / f"{name}-{seed}"
            evaluation, spent = evaluation_and_seconds(experiment(SOLVERS[name], epochs[name], seed), folder)
            weights = count_weights(load(folder))
            found.setdefault(name, []).append((weights, evaluation.summary, spent))
            print(f"{name}, seed {seed}: {spent:.0f} CPU s", flush=True)
        print(markdown(found, epochs), flush=True)


def markdown(found: dict[str, list], epochs: dict[str, int]) -> str:
    """Format the nRMSE at seen and unseen values, mean and standard deviation over seeds."""
    lines = ["| base solver | parameters | epochs | seen | unseen | CPU s | seeds |", "|" + "---|" * 7]
    for name, runs in found.items():
        each = [spread([summary[kind]["nRMSE"] for _, summary, _ in runs]) for kind in ("seen", "unseen")]
        spent = statistics.median(seconds for *_, seconds in runs)
        lines.append(
            f"| {name} | {runs[0][0] / 1000:.0f}k | {epochs[name]} | {' | '.join(each)} | {spent:.0f} | {len(runs)} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("speed", "accuracy"))
    parser.add_argument("--seconds", type=float, default=80.0, help="CPU seconds of a training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", default=None, help="names of base solvers")
    parser.add_argument("--out", type=Path, default=Path("runs/base_solvers"))
    asked = parser.parse_args()
    if asked.what == "speed":
        speed()
    else:
        accuracy(asked.seconds, asked.seeds, asked.only, asked.out)


if __name__ == "__main__":
    main()
