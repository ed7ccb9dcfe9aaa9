"""Measure the memory and the time of an update with gradient accumulation.

    python benchmarks/speed/memory.py [--grid 128 128] [--batch 8] [--steps 4]

The memory is what the compiled update needs besides weights, optimiser and data, as XLA says it on this device. The
model is the default in two dimensions (CAPE around an FNO of width 24 with 8 modes), on fields of zeros. A CPU
processes one step of a batch at a time where the batch has more than 5,120 points, an accelerator all of them.
"""

import argparse
import dataclasses

import numpy as np
from flax import nnx

from cape.datasets.arrays import in_memory
from cape.datasets.trajectories import Trajectories
from cape.model.conditionings.cape import CAPEConfig
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate
from cape.training.config import TrainingConfig
from cape.training.cost import measure_cost

PARTS = (1, 2, 4, 8)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--grid", nargs="+", type=int, default=[128, 128])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=4)
    arguments = parser.parse_args()
    training = waves(arguments.batch, arguments.steps, tuple(arguments.grid))
    model = ModelConfig(FNOConfig(width=24, modes=8), CAPEConfig(heads=4, max_displacement=0.0))
    surrogate = Surrogate(Problem.of(training), model, rngs=nnx.Rngs(0))
    config = TrainingConfig(epochs=10, batch=arguments.batch, warmup_epochs=0)
    print("| parts of a batch | memory of an update, MB | seconds of an update |\n|---|---|---|")
    for parts in PARTS:
        cost = measure_cost(surrogate, training, dataclasses.replace(config, accumulate=parts))
        print(f"| {parts} | {cost.update_bytes / 1e6:.0f} | {cost.update:.2f} |", flush=True)


def waves(samples: int, steps: int, grid: tuple[int, ...]) -> Trajectories:
    """Make trajectories of noise, which cost what others cost."""
    u = np.random.default_rng(0).standard_normal((samples, steps + 1, *grid, 1)).astype(np.float32)
    return in_memory(
        u,
        np.linspace(1, 2, samples)[:, None],
        ("nu",),
        channel_names=("u",),
        coordinates=[(np.arange(n) + 0.5) / n for n in grid],
        times=np.arange(steps + 1),
        boundaries=("periodic",) * len(grid),
    )


if __name__ == "__main__":
    main()
