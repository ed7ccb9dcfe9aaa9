"""Predict how a training scales over many accelerators: no measurement on any of them, but a model of costs.

    python benchmarks/scaling_model.py [--into docs/scaling.md]

What is measured here: the bytes and the operations of the gradient of one step, as XLA counts them in the program that
it compiles on this machine, the memory that this program needs, and the number of weights. The first three are divided
by the number of grid points. What is assumed: an accelerator reaches half of its bandwidth and of its arithmetic; all
gradients are summed after the last one is computed, as in `cape/training/update.py`, in a ring or a tree; a message
takes 10 microseconds more than its bytes. The model is CAPE around an FNO, and a trajectory has ten steps.
"""

import argparse
import dataclasses
import math
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from table_text import replace_table  # type: ignore[import-not-found]

from cape.datasets.arrays import in_memory
from cape.model.arrays import count_weights
from cape.model.conditionings.cape import CAPEConfig
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate
from cape.training.functional_model import FunctionalModel, split, weights_of

STEPS, REACHED, MESSAGE = 10, 0.5, 1e-5
COUNTS = (8, 64, 512)
TOGETHER = 512  # trajectories of a batch on all accelerators, for the strong efficiency


@dataclasses.dataclass(frozen=True)
class Machine:
    """Public figures of an accelerator.

    Attributes:
        operations: peak of float32 (GPU, without tensor cores) or bfloat16 (TPU), per second.
        memory, bandwidth: bytes, and bytes per second.
        near, group: bytes per second in one direction between the accelerators of a group, and their number.
        far: the same between groups, for one accelerator.
    """

    name: str
    operations: float
    memory: float
    bandwidth: float
    near: float
    group: int
    far: float


MACHINES = (
    Machine("H100 SXM", 67e12, 80e9, 3.35e12, 450e9, 8, 50e9),
    Machine("TPU v5p", 459e12, 95e9, 2.765e12, 600e9, 8960, 600e9),
)


class Case(NamedTuple):
    """A model in one dimension, two or three; the grid that is counted, and the grid that is predicted."""

    name: str
    counted: tuple[int, ...]
    grid: tuple[int, ...]
    base: FNOConfig
    trajectories: int  # on an accelerator, for the weak efficiency


CASES = (
    Case("1D", (512,), (1024,), FNOConfig(width=20, modes=12), 16),
    Case("2D", (64, 64), (128, 128), FNOConfig(width=24, modes=12), 4),
    Case("3D", (32, 32, 32), (64, 64, 64), FNOConfig(width=16, modes=8), 1),
)


class Counts(NamedTuple):
    """What XLA counts for the gradient of one step of one trajectory, for each grid point."""

    operations: float
    moved: float  # bytes
    memory: float  # bytes
    weights: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--into", type=Path, help="page in which the table is replaced")
    arguments = parser.parse_args()
    counted = {case.name: count(case) for case in CASES}
    print("| case | weights | kB moved per point and step | kFLOP | kB of memory |\n|---|---|---|---|---|")
    for name, each in counted.items():
        figures = f"{each.weights:,} | {each.moved / 1e3:.1f} | {each.operations / 1e3:.1f} | {each.memory / 1e3:.2f}"
        print(f"| {name} | {figures} |")
    text = predictions(counted)
    print(f"\n{text}")
    if arguments.into:
        replace_table(arguments.into, "<!-- predicted efficiency -->", text)


def count(case: Case) -> Counts:
    """Compile the gradient of one step of one trajectory and read what XLA counts."""
    dimension, points = len(case.counted), int(np.prod(case.counted))
    u = np.random.default_rng(0).standard_normal((2, 3, *case.counted, 1)).astype(np.float32)
    data = in_memory(
        u,
        np.array([[1.0], [2.0]]),
        ("nu",),
        channel_names=("u",),
        coordinates=[(np.arange(n) + 0.5) / n for n in case.counted],
        times=np.arange(3.0),
        boundaries=("periodic",) * dimension,
    )
    model = ModelConfig(case.base, CAPEConfig(heads=4, max_displacement=0.0))
    surrogate = Surrogate(Problem.of(data), model, rngs=nnx.Rngs(0))
    function = FunctionalModel(split(surrogate)[0], surrogate.new_channels)
    params, model_state = weights_of(surrogate)

    def loss(params, u, p):
        prediction, _ = function.predict_all(params, model_state, u, p)
        return jnp.mean(jnp.square(prediction.next))

    given = jnp.zeros((1, 1, *case.counted, 1)), jnp.ones((1, 1))
    compiled = jax.jit(jax.grad(loss)).lower(params, *given).compile()
    analysis = compiled.cost_analysis()
    memory = compiled.memory_analysis().temp_size_in_bytes
    figures = (analysis["flops"], analysis["bytes accessed"], memory)
    return Counts(*(float(each) / points for each in figures), count_weights(surrogate))


def step_time(machine: Machine, counts: Counts, points: int, trajectories: float) -> float:
    """Return the seconds of the gradients of an update on one accelerator; autoregressive inputs cost a third more."""
    work = points * trajectories * STEPS * 4 / 3
    return work * max(counts.moved / machine.bandwidth, counts.operations / machine.operations) / REACHED


def reduction_time(machine: Machine, weights: int, accelerators: int) -> float:
    """Return the seconds in which the gradients are summed: in each group, and then between the groups.

    Each accelerator of a group sums its part with those of the other groups.
    """
    near = min(accelerators, machine.group)
    groups = -(-accelerators // machine.group)
    return sum_time(near, 4 * weights, machine.near) + sum_time(groups, 4 * weights / near, machine.far)


def sum_time(members: int, size: float, bandwidth: float) -> float:
    """Return the seconds in which members sum arrays of a size in bytes: by a ring, or by a tree if that is faster."""
    ring = 2 * (members - 1) * (size / members / bandwidth + MESSAGE)
    tree = 2 * math.ceil(math.log2(members)) * (size / bandwidth + MESSAGE)
    return min(ring, tree)


def predictions(counted: dict[str, Counts]) -> str:
    """Return the table of predicted efficiencies, and of the largest grids."""
    heads = [f"{kind} {n}" for kind in ("weak", "strong") for n in COUNTS]
    lines = [
        "| machine | case | grid | update, ms | sum over 512, ms | " + " | ".join(heads) + " | largest grid |"
    ]
    lines.append("|---" * (6 + len(heads)) + "|")
    for machine in MACHINES:
        for case in CASES:
            counts, points = counted[case.name], int(np.prod(case.grid))
            alone = step_time(machine, counts, points, case.trajectories)
            reductions = [reduction_time(machine, counts.weights, n) for n in COUNTS]
            weak = [alone / (alone + each) for each in reductions]
            shares = [step_time(machine, counts, points, TOGETHER / n) for n in COUNTS]
            strong = [share / (share + each) for share, each in zip(shares, reductions, strict=True)]
            largest = (machine.memory / (counts.memory * STEPS)) ** (1 / len(case.grid))
            figures = [f"{1e3 * alone:.3g}", f"{1e3 * reductions[-1]:.2g}"]
            figures += [f"{each:.0%}" for each in (*weak, *strong)]
            grid = "x".join(map(str, case.grid))
            side = f"{largest:,.0f}" + (f"^{len(case.grid)}" if len(case.grid) > 1 else "")
            lines.append(f"| {machine.name} | {case.name} | {grid} | " + " | ".join([*figures, side]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
