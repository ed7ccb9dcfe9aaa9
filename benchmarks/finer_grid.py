"""Measure the errors of surrogates on a grid that is finer than the one they were trained on.

    python benchmarks/finer_grid.py cns2d navierstokes2d [--factor 2] [--samples 1] [--seeds 0 1 2] [--into PAGE]

The values are those on the card, by kind: seen, interpolated and extrapolated. The initial conditions are functions
that no training has. They are simulated on both grids, as the training data were, and the surrogate rolls out from the
first frame on each grid. nRMSE is the mean over frames, channels, trajectories and values, with the standard deviation
over seeds. Each grid has its own simulation. "trained grid, finer simulation" compares the rollouts on the trained grid
with the simulation on the finer one, interpolated. "simulations" compares the two simulations. `--into` replaces the
table of a page that follows the mark <!-- finer grid NAMES -->.
"""

import argparse
import itertools
import warnings
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from interpolation import interpolations
from solver_comparison import nrmse
from surrogates import CardRow, card_rows
from table_text import replace_table, spread

import cape
from cape.datasets.equations.equation import find_equation
from cape.evaluation.evaluation import KINDS
from cape.locate import shipped
from cape.out_of_distribution import OutOfDistributionWarning
from cape.release.markdown import table
from cape.surrogate import Surrogate

FIRST_SEED = 30_000_003  # of initial conditions that no training has
HEAD = [
    "surrogate",
    "values",
    "trained grid",
    "finer grid",
    "ratio",
    "trained grid, finer simulation",
    "ratio",
    "simulations",
]


def errors(surrogate: Surrogate, rows: Sequence[CardRow], factor: int, samples: int, seed: int) -> np.ndarray:
    """Return the four nRMSE of a line of the table, each [value]."""
    problem, equation = surrogate.problem, find_equation(surrogate.problem.equation)
    values = np.array([[row.parameters[name] for name in problem.parameters] for row in rows])
    values = values.repeat(samples, 0)
    initial = equation.initial_conditions(FIRST_SEED + seed, samples)
    initial = initial.select(np.tile(np.arange(samples), len(rows)))
    times = problem.dt * np.arange(problem.steps + 1)
    frames = []
    for size in (1, factor):
        grid = size * problem.resolution[0]
        truth = np.asarray(equation.solve(initial, *values.T, resolution=grid, times=times), np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OutOfDistributionWarning)
            u = surrogate.rollout(truth[:, 0], jnp.asarray(values, jnp.float32), problem.steps)
        frames.append((np.concatenate([truth[:, :1], u], 1), truth))
    (coarse, coarse_truth), (fine, fine_truth) = frames
    periodic = problem.boundaries[0] == "periodic"
    ways = interpolations(fine_truth, problem.resolution[0], periodic)
    brought = min(ways, key=lambda way: nrmse(coarse_truth, way))
    pairs = ((coarse, coarse_truth), (fine, fine_truth), (coarse, brought), (coarse_truth, brought))
    each = [[nrmse(u[i : i + 1], truth[i : i + 1]) for i in range(len(values))] for u, truth in pairs]
    return np.array(each).reshape(len(pairs), len(rows), samples).mean(2)


def lines(name: str, factor: int, samples: int, seeds: Sequence[int]) -> list[list[str]]:
    """Return the lines of the table of one surrogate, one for each kind of values."""
    folder = shipped()[name]
    surrogate = cape.load(folder)
    rows = card_rows((folder / "README.md").read_text(encoding="utf-8"))
    of_seeds = np.stack([errors(surrogate, rows, factor, samples, seed) for seed in seeds])
    for row, each in zip(rows, of_seeds.mean(0).T, strict=True):
        print(row.kind, row.parameters, *(f"{error:.4f}" for error in each), flush=True)
    found = []
    for kind in KINDS:
        chosen = [number for number, row in enumerate(rows) if row.kind == kind]
        usual, finer, brought, apart = of_seeds[:, :, chosen].mean(2).T
        cells = [f"{kind}, {len(chosen)}", *map(spread_text, (usual, finer)), spread(finer / usual)]
        found.append([name, *cells, spread_text(brought), spread(finer / brought), spread_text(apart)])
    return found


def spread_text(values: Sequence[float]) -> str:
    """Format values as mean ± standard deviation with four digits after the point."""
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else f"{values[0]:.4f}"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", help="shipped surrogates of simulated equations")
    parser.add_argument("--factor", type=int, default=2, help="how many times finer the other grid is")
    parser.add_argument("--samples", type=int, default=1, help="trajectories of each value and seed")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--into", type=Path, help="page whose table is replaced")
    arguments = parser.parse_args()
    options = arguments.factor, arguments.samples, arguments.seeds
    text = table([HEAD, *itertools.chain(*(lines(name, *options) for name in arguments.names))])
    print(text)
    if arguments.into:
        replace_table(arguments.into, f"<!-- finer grid {' '.join(arguments.names)} -->", text)


if __name__ == "__main__":
    main()
