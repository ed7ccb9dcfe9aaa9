"""Print how long the first result of a surrogate takes: import cape, load the surrogate, roll it out.

    python benchmarks/first_result.py MODEL [--repeats 3]

The rollout is at parameters that were not trained on, on a grid twice as fine. Every number is of a new Python process,
on JAX's default device. The first process starts with an empty cache of compiled programs, the others use the cache
that it left. `import cape` alone does not import jax and flax; they are imported by loading.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

import cape
from cape.problem import Problem

THREE_LINES = """
import time; start = time.perf_counter()
import cape, numpy as np
imported = time.perf_counter()
surrogate = cape.load({model!r})
loaded = time.perf_counter()
frames = np.asarray(surrogate.rollout(np.load({u0!r}), {parameters!r}, {steps!r}))
done = time.perf_counter()
assert np.isfinite(frames).all()
print(imported - start, loaded - imported, done - loaded)
import sys
print(*{{"matplotlib", "orbax", "torch"}} & set(sys.modules))
"""


def fresh(script: str, cache: str) -> tuple[list[str], list[str], float, float]:
    """Run a script in a new process that keeps compiled programs in `cache`.

    Return the words of the two lines that it prints, its wall-clock seconds and its CPU seconds.
    """
    settings = {"JAX_COMPILATION_CACHE_DIR": cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    start, before = time.perf_counter(), _cpu_seconds()
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | settings, capture_output=True, text=True, check=True
    )
    took = time.perf_counter() - start
    seconds, modules = done.stdout.split("\n")[:2]
    return seconds.split(), modules.split(), took, _cpu_seconds() - before


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def first_frame(problem: Problem, factor: int) -> np.ndarray:
    """Return products of waves with the training's mean and deviation, on a grid `factor` times as fine as in training.

    The shape is [1, *space, channel].
    """
    random = np.random.default_rng(0)
    space = tuple(factor * n for n in problem.resolution)
    mesh = np.meshgrid(*[(np.arange(n) + 0.5) / n for n in space], indexing="ij")
    channels = []
    for mean, std in zip(problem.channel_mean, problem.channel_std, strict=True):
        phases = [2 * np.pi * (random.integers(1, 4) * x + random.random()) for x in mesh]
        channels.append(mean + std * np.prod([np.sin(phase) for phase in phases], axis=0))
    return np.stack(channels, -1)[None].astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="name or folder of a surrogate")
    parser.add_argument(
        "--factor", type=int, default=2, help="how many times finer the grid is than in training"
    )
    parser.add_argument("--repeats", type=int, default=3, help="processes with a warm cache")
    arguments = parser.parse_args()
    problem = cape.load(arguments.model).problem
    ends = zip(problem.parameters, problem.low, problem.high, strict=True)
    unseen = {name: (low * high) ** 0.5 if low > 0 else (low + 1.1 * high) / 2.1 for name, low, high in ends}
    with tempfile.TemporaryDirectory() as folder:
        u0, cache = os.path.join(folder, "u0.npy"), os.path.join(folder, "cache")
        np.save(u0, first_frame(problem, arguments.factor))
        given = {"model": arguments.model, "u0": u0, "parameters": unseen, "steps": problem.steps}
        script = THREE_LINES.format(**given)
        grid = " x ".join(str(arguments.factor * n) for n in problem.resolution)
        named = ", ".join(f"{name} {value:.3g}" for name, value in unseen.items())
        print(
            f"{arguments.model}: {problem.steps} steps at {named} on {grid} points, seconds in fresh processes\n"
        )
        print("| cache | import | load | compile and roll out | whole process | its CPU seconds |")
        print("|---" * 6 + "|")
        for run in range(1 + arguments.repeats):
            parts, heavy, whole, busy = fresh(script, cache)
            shown = " | ".join(f"{float(part):.2f}" for part in parts)
            print(f"| {'warm' if run else 'empty'} | {shown} | {whole:.2f} | {busy:.2f} |")
    print(f"\nalso imported: {', '.join(sorted(heavy)) or 'none of matplotlib, orbax, torch'}")


if __name__ == "__main__":
    main()
