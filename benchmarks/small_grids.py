"""Compare two ways to evaluate the products of an identified equation: Fourier transforms and small matrices.

    python benchmarks/small_grids.py navierstokes2d cns2d [--batch 1 16] [--factor 1 2] [--into PAGE]

The time is that of four steps of the equation of a shipped surrogate, without the network, in the middle of the trained
range. Both ways alternate; medians count. CPU time is that of all threads. `--factor` multiplies the points along each
axis. `--into` replaces the table of a page that follows the mark <!-- small grids -->.
"""

import argparse
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from solver_comparison import median_times
from solver_speed import parameter_vectors
from table_text import replace_table

import cape
from cape.datasets.equations.equation import find_equation
from cape.identification import step
from cape.identification.equation import advance, coefficients
from cape.release.markdown import table
from cape.surrogate import Surrogate

STEPS, SEED = 4, 0
HEAD = [
    "equation of",
    "points",
    "batch",
    "Fourier, CPU ms",
    "matrices, CPU ms",
    "ratio",
    "ratio of wall time",
    "difference",
]


def line(name: str, surrogate: Surrogate, factor: int, batch: int, repeats: int) -> list[str]:
    """Measure one line of the table."""
    problem, equation = surrogate.problem, surrogate.equation
    points = factor * problem.resolution[0]
    middle = parameter_vectors(problem, [])[1]
    simulated = find_equation(problem.equation)
    initial = simulated.initial_conditions(SEED, batch)
    times = problem.dt * np.array([0.0, 1e-3])
    u = simulated.solve(initial, *np.tile(middle, (batch, 1)).T, resolution=points, times=times)
    u = jnp.asarray(u[:, 0], jnp.float32)
    c = coefficients(equation, problem, jnp.asarray(np.tile(middle, (batch, 1)), jnp.float32))

    def compiled(small: bool) -> Callable[[], jax.Array]:
        program = jax.jit(
            lambda u, c: jax.lax.fori_loop(0, STEPS, lambda _, u: advance(equation, problem, u, c), u)
        )
        with mock.patch.object(step, "is_small", step.is_small if small else lambda grid: False):
            jax.block_until_ready(program(u, c))
        return lambda: program(u, c)

    calls = {"Fourier": compiled(False), "matrices": compiled(True)}
    cpu = median_times(calls, 0.0, repeats, time.process_time)
    wall = median_times(calls, 0.0, repeats)
    one, other = (np.asarray(call(), np.float64) for call in calls.values())
    difference = np.sqrt(((one - other) ** 2).mean() / (one**2).mean())
    ratios = [f"{found['Fourier'] / found['matrices']:.2f}" for found in (cpu, wall)]
    sizes = [" x ".join([str(points)] * problem.dimension), str(batch)]
    return [name, *sizes, f"{cpu['Fourier']:.1f}", f"{cpu['matrices']:.1f}", *ratios, f"{difference:.0e}"]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="+", help="shipped surrogates with an identified equation in two dimensions"
    )
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--factor", nargs="+", type=int, default=[1])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--into", type=Path, help="page whose table is replaced")
    arguments = parser.parse_args()
    rows = []
    for name, factor, batch in itertools.product(arguments.names, arguments.factor, arguments.batch):
        rows.append(line(name, cape.load(name), factor, batch, arguments.repeats))
        print(" | ".join(rows[-1]), flush=True)
    text = table([HEAD, *rows])
    print(text)
    if arguments.into:
        replace_table(arguments.into, "<!-- small grids -->", text)


if __name__ == "__main__":
    main()
