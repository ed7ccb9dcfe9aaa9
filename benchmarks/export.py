"""Print size, loading time, speed and error of an exported rollout.

    python benchmarks/export.py MODEL [--steps N] [--batch 4] [--finest 8]

Exports the model to a temporary file and loads it in a new process. The rollout of the file is compared with that of
the model on the training grid, on one twice as fine, and on the finest one.
"""

import argparse
import functools
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import jax
import numpy as np

import cape
from cape.release.export import export

LOAD = """
import time; start = time.perf_counter()
import json, zipfile, jax, numpy as np
from jax import export
imported = time.perf_counter()
with zipfile.ZipFile("{file}") as file:
    program = export.deserialize(bytearray(file.read("rollout.jax_export")))
loaded = time.perf_counter()
inputs = np.load("{inputs}")
jax.block_until_ready(jax.jit(program.call)(inputs["u0"], inputs["parameters"]))
first = time.perf_counter()
print(f"import jax {{imported - start:.2f}} s, load {{loaded - imported:.2f}} s, "
      f"compile and first rollout {{first - loaded:.2f}} s")
"""


def waves(grid: tuple[int, ...], channels: int, batch: int) -> np.ndarray:
    """Return sums of a few waves, the same functions on every grid: [batch, *space, channel]."""
    random = np.random.default_rng(0)
    mesh = np.meshgrid(*[(np.arange(n) + 0.5) / n for n in grid], indexing="ij")
    u = np.zeros((batch, *grid, channels))
    for sample, channel, _ in np.ndindex(batch, channels, 4):
        phase = random.uniform(0, 2 * np.pi) + sum(2 * np.pi * random.integers(1, 5) * x for x in mesh)
        u[sample, ..., channel] += random.normal() * np.sin(phase) / 2
    return u


def best(call, repeats: int = 5) -> float:
    """Return the shortest of several times of a call in milliseconds, without its compilation."""
    jax.block_until_ready(call())
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="name or folder of a surrogate")
    parser.add_argument("--steps", type=int, default=0, help="frames to predict; 0: as many as in training")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument(
        "--finest", type=int, default=8, help="how many times finer the finest grid is than in training"
    )
    arguments = parser.parse_args()
    surrogate = cape.load(arguments.model)
    problem = surrogate.problem
    mean, std = np.array(problem.channel_mean), np.array(problem.channel_std)
    parameters = np.linspace(problem.low, problem.high, arguments.batch, dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        file, inputs = Path(folder) / "model.stablehlo", Path(folder) / "inputs.npz"
        start = time.perf_counter()
        metadata = export(arguments.model, file, arguments.steps)
        print(
            f"{file.stat().st_size / 1e3:.0f} kB, written in {time.perf_counter() - start:.1f} s",
            metadata["grid"],
        )
        with zipfile.ZipFile(file) as archive:
            program = jax.jit(jax.export.deserialize(bytearray(archive.read("rollout.jax_export"))).call)
        for factor in (1,) if "sizes" in metadata["grid"] else (1, 2, arguments.finest):
            grid = tuple(factor * n for n in problem.resolution)
            u0 = (mean + std * waves(grid, len(mean), arguments.batch)).astype(np.float32)
            if factor == 1:
                np.savez(inputs, u0=u0, parameters=parameters)
                script = LOAD.format(file=file, inputs=inputs)
                subprocess.run([sys.executable, "-c", script], check=True)
            exported = functools.partial(program, u0, parameters)
            original = functools.partial(surrogate.rollout, u0, parameters, metadata["steps"])
            found, expected = np.asarray(exported()), np.asarray(original())
            difference = np.linalg.norm(found - expected) / np.linalg.norm(expected)
            largest = np.abs(found - expected).max() / np.abs(expected).max()
            print(
                f"{' x '.join(map(str, grid)):>12}: relative difference {difference:.1e} (largest {largest:.1e}), "
                f"{best(exported):.1f} ms exported, {best(original):.1f} ms cape"
            )


if __name__ == "__main__":
    main()
