"""Compare the speed of a surrogate with that of the solver that made its data, at the surrogate's accuracy.

    python benchmarks/solver_speed.py MODEL [--parameter Nu=0.01 ...] [--batch 1 256] [--out FILE.json] [--into PAGE]

Errors are nRMSE against the same solver on a much finer grid, over a rollout as long as in training, on the surrogate's
grid, from initial conditions that no training has. The solver runs without its usual internal refinement, on finer and
finer grids until its error is at most that of the surrogate. Of its settings (time step, precision) that reach this
error, the fastest counts. If the solver is faster than the surrogate, still finer grids tell from which one on it is
slower.

The comparison favours the solver. It starts from the exact initial functions. Its result is brought to the surrogate's
grid by the better of two interpolations. Neither is timed. Both contenders are compiled beforehand; they alternate, and
the median time counts, with `--cpu-time` that of all threads, for machines that other programs use. JAX's threads and
device are not changed. `--into` replaces the table of a page that follows the mark <!-- solver speed MODEL -->.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from solver_comparison import Comparison
from table_text import replace_table

import cape
from cape.datasets.assignment import numbers
from cape.problem import Problem

HEAD = (
    "parameters",
    "nRMSE",
    "batch",
    "surrogate ms",
    "solver: cells",
    "setting",
    "nRMSE",
    "ms",
    "solver / surrogate",
    "surrogate wins from: cells, nRMSE",
    "as it made the data: nRMSE, ms",
)
INSIDE = np.array([[0.2], [0.5], [0.8]])  # fractions of the trained range


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Format the results of `Comparison.at` as markdown, a line for each batch size."""
    lines = ["| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
    for row in rows:
        for timed in row["batches"]:
            cells = [", ".join(f"{k} {v:.3g}" for k, v in row["parameters"].items()), f"{row['error']:.2g}"]
            cells += [str(timed["batch"]), f"{timed['surrogate_ms']:.2f}"]
            if "solver_ms" in timed:
                ratio = timed["solver_ms"] / timed["surrogate_ms"]
                cells += [str(timed["cells"]), timed["setting"], f"{timed['solver_error']:.2g}"]
                cells.append(f"{timed['solver_ms']:.2f}")
                cells.append(f"{ratio:.2f} ({'surrogate' if ratio > 1 else 'solver'} wins)")
                cells.append(_wins_from(timed))
            else:
                cells += ["never as accurate", "", "", "", "", ""]
            usual = f"{row['usual_solver_error']:.1e}"
            cells.append(f"{usual}, {timed['usual_ms']:.1f}" if "usual_ms" in timed else usual)
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _wins_from(timed: dict[str, Any]) -> str:
    """Format the coarsest grid on which the solver is slower than the surrogate, and the solver's error there."""
    if timed["solver_ms"] > timed["surrogate_ms"]:
        return f"{timed['cells']}, {timed['solver_error']:.2g}"
    return (
        f"{timed['slower_cells']}, {timed['slower_error']:.2g}" if "slower_cells" in timed else "none tried"
    )


def parameter_vectors(problem: Problem, texts: Sequence[str]) -> list[np.ndarray]:
    """Return the parameter vectors to compare at: those of the option --parameter, or three inside the trained range.

    Raises:
        ValueError: a text is not NAME=VALUE[,NAME=VALUE], or it does not name the parameters of the problem.
    """
    if texts:
        named = [numbers(text.split(","), "--parameter") for text in texts]
        for values in named:
            if set(values) != set(problem.parameters):
                raise ValueError(
                    f"--parameter: expected a value for each of {', '.join(problem.parameters)}, got "
                    f"{', '.join(values)}"
                )
        return [np.array([values[name] for name in problem.parameters]) for values in named]
    low, high = np.array(problem.low), np.array(problem.high)
    if (low > 0).all():
        return list(low * (high / low) ** INSIDE)
    return list(low + (high - low) * INSIDE)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="name or folder of a surrogate of a simulated equation")
    parser.add_argument("--parameter", nargs="*", default=[], metavar="NAME=VALUE[,NAME=VALUE]")
    parser.add_argument("--batch", nargs="*", type=int, default=[1, 256])
    parser.add_argument("--samples", type=int, default=32, help="trajectories that errors are measured on")
    parser.add_argument("--finer", type=int, default=5, help="how many times finer the reference is, odd")
    parser.add_argument("--seconds", type=float, default=5.0, help="duration of each timing")
    parser.add_argument("--repeats", type=int, default=5, help="timings of each call, at least")
    parser.add_argument(
        "--cpu-time", action="store_true", help="CPU time of all threads, not that of a clock"
    )
    parser.add_argument("--out", help="JSON file to write")
    parser.add_argument("--into", type=Path, help="page whose table is replaced")
    arguments = parser.parse_args()
    surrogate = cape.load(arguments.model)
    problem = surrogate.problem
    try:
        vectors = parameter_vectors(problem, arguments.parameter)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    comparison = Comparison(
        surrogate, arguments.samples, max(arguments.batch), arguments.finer, arguments.repeats, clock
    )
    rows = []
    for values in vectors:
        rows.append(comparison.at(values, arguments.batch, arguments.seconds))
        if rows[-1]["usual_solver_error"] > rows[-1]["error"] / 3:
            print(
                f"warning: at {rows[-1]['parameters']} the reference may be too coarse; raise --finer "
                "(the error of the solver as it made the data exceeds a third of the surrogate's)"
            )
    device = jax.devices()[0]
    machine = f"{device.device_kind}, {len(os.sched_getaffinity(0))} of {os.cpu_count()} CPU cores"
    what = f"{problem.steps} steps of {problem.dt:g} on {' x '.join(map(str, problem.resolution))} points"
    print(f"{arguments.model} ({problem.equation}), {what}; {machine}, jax {jax.__version__}\n")
    print(table(rows))
    if arguments.into:
        replace_table(arguments.into, f"<!-- solver speed {arguments.model} -->", table(rows))
    report = {
        "model": arguments.model,
        "rollout": what,
        "machine": machine,
        "jax": jax.__version__,
        "rows": rows,
    }
    print("\n" + json.dumps(report))
    if arguments.out:
        Path(arguments.out).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
