"""Compile updates that divide space between devices; print the memory of a device and what the devices exchange.

    python benchmarks/speed/space.py [--parts 4]
    python benchmarks/speed/space.py --seconds [--repeats 7]

XLA makes the devices of one CPU, and says what its program needs on each besides weights and data, and which
collectives it has. The batch has two trajectories of four steps in 2D (256 x 256 points) and one in 3D (48 x 48 x 48).
A collective inside a loop over steps is counted once. MB are those that a device gives to a collective. Nothing is
computed.

With --seconds, updates of the spectral models in 2D with one and with two parts of space are computed in turn, and the
medians of their seconds and of their CPU seconds (all threads) are printed. The work is the same, and so are the cores:
one device of a CPU uses all of them, and two share them. The ratio is what the division costs, and says nothing about
accelerators with links.
"""

import argparse
import math
import os
import re
import statistics
import time
from typing import Any

_PARTS = 4
_TIMED_PARTS = (1, 2)
_COLLECTIVE = re.compile(
    r"= (.*?) (all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter)(?:-start)?\("
)
_ARRAY = re.compile(r"(f32|c64)\[([\d,]*)\]")
_BYTES = {"f32": 4, "c64": 8}
_STEPS = 4


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", type=int, default=_PARTS)
    parser.add_argument("--seconds", action="store_true", help="measure the time of an update")
    parser.add_argument("--repeats", type=int, default=7, help="updates with each number of parts")
    arguments = parser.parse_args()
    parts = max(_TIMED_PARTS) if arguments.seconds else arguments.parts
    # before jax is imported, which reads it once
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={parts}"
    os.environ["XLA_FLAGS"] = flags
    columns = (
        ("s of an update", "with 2 parts", "ratio", "CPU s", "with 2 parts", "ratio")
        if arguments.seconds
        else ("memory of a device, MB", f"with {parts} parts", "ratio", "collectives", "MB exchanged")
    )
    print(f"| model | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 1)}")
    spectral = ("fno", "factorised-fno")
    for grid, batch, names in (
        ((256, 256), 2, (*spectral, "u-net", "warp-u-net")),
        ((48, 48, 48), 1, spectral),  # U-Nets in 3D compile for many minutes
    ):
        for name in names:
            if arguments.seconds and (name not in spectral or len(grid) == 3):
                continue  # they compile for many minutes
            case = (name, grid, batch)
            row = seconds_row(*case, arguments.repeats) if arguments.seconds else memory_row(*case, parts)
            print(f"| {name}, {len(grid)}D | {row} |", flush=True)


def memory_row(name: str, grid: tuple[int, ...], batch: int, parts: int) -> str:
    """Return the memory of one device and of several, and what they exchange."""
    one, several = (compile_update(name, grid, batch, n)[0] for n in (1, parts))
    counts, size = collectives(several.as_text())
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    one, several = (each.memory_analysis().temp_size_in_bytes for each in (one, several))
    return f"{one / 1e6:.0f} | {several / 1e6:.0f} | {several / one:.2f} | {kinds} | {size / 1e6:.2f}"


def seconds_row(name: str, grid: tuple[int, ...], batch: int, repeats: int) -> str:
    """Return the seconds and CPU seconds of an update with one and with two parts, and their ratios."""
    import jax

    updates = [compile_update(name, grid, batch, parts) for parts in _TIMED_PARTS]
    measured: list[list[tuple[float, float]]] = [[] for _ in updates]
    for _ in range(repeats + 1):  # the first one may allocate memory
        for number, (compiled, (std, state, *given)) in enumerate(updates):
            wall, cpu = time.perf_counter(), time.process_time()
            state, measures = jax.block_until_ready(compiled(std, state, *given))
            measured[number].append((time.perf_counter() - wall, time.process_time() - cpu))
            updates[number] = (compiled, (std, state, *given))
    found = []
    for which in range(2):  # seconds, CPU seconds
        one, two = (statistics.median(each[which] for each in rows[1:]) for rows in measured)
        found += [f"{one:.2f}", f"{two:.2f}", f"{two / one:.2f}"]
    return " | ".join(found)


def compile_update(name: str, grid: tuple[int, ...], batch: int, parts: int) -> tuple[Any, tuple[Any, ...]]:
    """Return the compiled update of a model with CAPE, and its arguments."""
    import jax
    import jax.numpy as jnp
    from flax import nnx
    from memory import waves  # type: ignore[import-not-found]

    from cape.model.conditionings.cape import CAPEConfig
    from cape.model.config import ModelConfig
    from cape.problem import Problem
    from cape.solvers.solver import SOLVERS
    from cape.surrogate import Surrogate
    from cape.training.config import TrainingConfig
    from cape.training.functional_model import weights_of
    from cape.training.inputs import Schedule
    from cape.training.mesh import TRAJECTORIES, MeshConfig, divided
    from cape.training.phases import plan_phases
    from cape.training.update import initial_state, update

    data = waves(max(batch, 2), _STEPS, grid)
    settings = {"width": 24, "modes": 8} if name.endswith("fno") else {}
    model = ModelConfig(SOLVERS.find(name)(**settings), CAPEConfig(heads=4, max_displacement=0.0))
    surrogate = Surrogate(Problem.of(data), model, rngs=nnx.Rngs(0))
    config = TrainingConfig(epochs=10, batch=batch, warmup_epochs=0, mesh=MeshConfig(1, parts))
    phases = plan_phases(surrogate, config, data.samples)
    state = phases.training.place_members(
        initial_state(*weights_of(surrogate), phases.training, phases.warm_up)
    )
    frames = divided(phases.mesh, jnp.asarray(data.read()[:batch]), TRAJECTORIES)
    p = divided(phases.mesh, jnp.ones((batch, 1), jnp.float32))
    arguments = (jnp.ones(1, jnp.float32), state, frames, p, Schedule(jnp.int32(2)))
    compiled = update.lower(phases.training, *arguments).compile()
    jax.clear_caches()
    return compiled, arguments


def collectives(text: str) -> tuple[dict[str, int], int]:
    """Return the number of each collective of a compiled program, and the bytes that a device gives to all of them."""
    counts: dict[str, int] = {}
    size = 0
    for shapes, kind in _COLLECTIVE.findall(text):
        counts[kind] = counts.get(kind, 0) + 1
        size += sum(
            _BYTES[dtype] * math.prod(int(n or 1) for n in axes.split(","))
            for dtype, axes in _ARRAY.findall(shapes)
        )
    return counts, size


if __name__ == "__main__":
    main()
