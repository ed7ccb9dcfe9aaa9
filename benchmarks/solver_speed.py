"""A surrogate against the solver that made its data, at the surrogate's own accuracy.

    python benchmarks/solver_speed.py MODEL [--parameter Nu=0.01 ...] [--batch 1 256] [--out FILE.json]

The error of both is nRMSE against the same solver on a much finer grid, over the rollout that the surrogate was trained
for, on the surrogate's grid, from initial conditions nobody trained on. The solver is run ever finer, without its usual
internal refinement, until its error is no larger than the surrogate's; of its settings (time step, precision) the
fastest that gets there is taken. In its favour: it starts from the exact initial functions, what it gives is brought
to the surrogate's grid by the better of two interpolations, and neither these functions nor the interpolation is
timed. Both are compiled before; they take turns, and the median counts. JAX's threads and device are left as they are.
"""

import argparse
import functools
import inspect
import itertools
import json
import os
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import numpy as np

import cape
from cape.datasets.assignment import assignments
from cape.datasets.equations.equation import Equation, find_equation
from cape.problem import Problem

CELLS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
UNREFINED = {
    "refinement": 1,
    "points": 1,
}  # arguments of solvers that leave their internal grid as it is asked for
CHEAPER = {  # arguments of solvers that trade accuracy for time, with what to try in terms of the default
    "courant": lambda default: (default, 2 * default),
    "step": lambda default: (default, 4 * default, 16 * default, 64 * default),
    "dtype": lambda default: (np.float32,),
}
SEED = 20_000_003  # of initial conditions that no training drew


class Remembered:
    """Initial conditions that are evaluated once on every grid, so that their evaluation is not timed."""

    def __init__(self, initial):
        self.initial, self.known = initial, {}

    def __call__(self, *points, **options):
        key = tuple(a.tobytes() if isinstance(a, np.ndarray) else a for a in (*points, *options.values()))
        if key not in self.known:
            self.known[key] = self.initial(*points, **options)
        return self.known[key]


def settings_of(equation: Equation) -> list[dict]:
    """List the settings of a solver that runs on the grid it is asked for: all combinations of the cheaper ones."""
    arguments = inspect.signature(equation.solve).parameters
    own = {name: value for name, value in UNREFINED.items() if name in arguments}
    cheaper = {name: tried(arguments[name].default) for name, tried in CHEAPER.items() if name in arguments}
    combined = itertools.product(*cheaper.values())
    return [own | dict(zip(cheaper, values, strict=True)) for values in combined]


def on_points(u: np.ndarray, points: int, periodic: bool) -> list[np.ndarray]:
    """Bring u[sample, time, *space, channel] at cell centres to `points` centres per axis: linearly, and by Fourier."""
    axes = range(2, u.ndim - 1)
    if u.shape[2] == points:
        return [u]
    ways = [functools.reduce(lambda v, axis: _linear(v, points, axis, periodic), axes, u)]
    if periodic:
        ways.append(functools.reduce(lambda v, axis: _fourier(v, points, axis), axes, u))
    return ways


def _linear(u: np.ndarray, points: int, axis: int, periodic: bool) -> np.ndarray:
    n = u.shape[axis]
    place = (np.arange(points) + 0.5) * n / points - 0.5
    place = place if periodic else np.clip(place, 0, n - 1)
    left = np.floor(place).astype(int)
    weight = (place - left).reshape(-1, *(1,) * (u.ndim - axis - 1))
    return (1 - weight) * u.take(left % n, axis) + weight * u.take((left + 1) % n, axis)


def _fourier(u: np.ndarray, points: int, axis: int) -> np.ndarray:
    n = u.shape[axis]
    u = np.moveaxis(u, axis, -1)
    k = np.arange(min(n, points) // 2 + 1)
    shift = np.exp(2j * np.pi * k * (0.5 / points - 0.5 / n))
    spectrum = np.fft.rfft(u)[..., : len(k)] * shift
    if n % 2 == 0 and n < points:
        spectrum[..., -1] *= 0.5  # the highest mode stands for both signs of k
    return np.moveaxis(np.fft.irfft(spectrum, points) * (points / n), -1, axis)


def error(u: np.ndarray, truth: np.ndarray) -> float:
    """nRMSE over the frames after the first, averaged over frames, channels and samples."""
    u, truth = (np.asarray(a[:, 1:], np.float64) for a in (u, truth))
    space = tuple(range(2, truth.ndim - 1))
    return float(np.mean(np.sqrt(((u - truth) ** 2).mean(space) / (truth**2).mean(space))))


def take_turns(calls: Mapping[str, Callable], seconds: float) -> dict[str, float]:
    """Median time of each call in milliseconds; they take turns until the time is over, five times at least."""
    times = {name: [] for name in calls}
    for call in calls.values():
        jax.block_until_ready(call())
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(map(len, times.values())) < 5:
        for name, call in calls.items():
            start = time.perf_counter()
            jax.block_until_ready(call())
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


class Comparison:
    """A surrogate and its solver, on the same grid, at the same times, from the same initial conditions."""

    def __init__(self, surrogate, samples: int, most: int, finer: int):
        problem: Problem = surrogate.problem
        self.surrogate, self.problem, self.finer = surrogate, problem, finer
        self.equation = find_equation(problem.equation)
        if self.equation.name == "advection":
            raise SystemExit("advection is solved exactly by a formula: there is no solver to compare with")
        if problem.parameters != self.equation.parameter_names or len(set(problem.resolution)) != 1:
            raise SystemExit(
                f"{problem.parameters} on {problem.resolution}: not as `cape simulate` writes it"
            )
        self.points = problem.resolution[0]
        self.times = problem.dt * np.arange(problem.steps + 1)
        self.initial = self.equation.initial_conditions(SEED, max(samples, most))
        self.samples = samples

    def solve(self, initial, count: int, values: np.ndarray, cells: int, **setting) -> np.ndarray:
        columns = [np.full(count, value) for value in values]
        return self.equation.solve(initial, *columns, resolution=cells, times=self.times, **setting)

    def reference(self, values: np.ndarray) -> np.ndarray:
        """Solve on a grid `finer` (odd) times as fine, which contains the surrogate's points."""
        fine = self.solve(
            self.initial.select(slice(self.samples)), self.samples, values, self.finer * self.points
        )
        pick = (slice(self.finer // 2, None, self.finer),) * self.problem.dimension
        return fine[(slice(None), slice(None), *pick)]

    def coarsest(self, values, truth, setting: dict, bound: float) -> tuple[int, float] | None:
        """Find the coarsest grid on which the solver's error is at most `bound`, and that error."""
        initial = self.initial.select(slice(self.samples))
        periodic = self.problem.boundaries[0] == "periodic"
        for cells in CELLS:
            if cells > 4 * self.points:
                return None
            try:
                u = self.solve(initial, self.samples, values, cells, **setting)
            except ValueError:  # a grid too coarse for the scheme
                continue
            found = min(error(way, truth) for way in on_points(u, self.points, periodic))
            if found <= bound:
                return cells, found
        return None

    def at(self, values: np.ndarray, batches: list[int], seconds: float) -> dict:
        """Compare at one vector of parameters."""
        truth = self.reference(values)
        usual = self.solve(self.initial.select(slice(self.samples)), self.samples, values, self.points)
        named = dict(zip(self.problem.parameters, map(float, values), strict=True))
        u = np.asarray(self.surrogate.rollout(truth[:, 0], named, self.problem.steps))
        bound = error(np.concatenate([truth[:, :1], u], 1), truth)
        row = {"parameters": named, "error": bound, "usual_solver_error": error(usual, truth), "batches": []}
        reached = []
        for setting in settings_of(self.equation):
            found = self.coarsest(values, truth, setting, bound)
            if found:
                reached.append((setting, *found))
        for batch in batches:
            row["batches"].append({"batch": batch} | self.time(values, truth, reached, batch, seconds))
        return row

    def time(self, values, truth, reached: list, batch: int, seconds: float) -> dict:
        # a single sample is one of middling size: the time step follows the largest value
        sizes = np.abs(truth[:, 0]).reshape(len(truth), -1).max(1)
        first = int(np.argsort(sizes)[len(sizes) // 2]) if batch == 1 else 0
        chosen = self.initial.select(slice(first, first + batch))
        u0 = truth[np.arange(first, first + batch) % len(truth), 0]
        named = dict(zip(self.problem.parameters, map(float, values), strict=True))
        initial = Remembered(chosen)

        def solver(cells: int, setting: dict) -> Callable:
            return lambda: self.solve(initial, batch, values, cells, **setting)

        result = {}
        if reached:
            candidates = {str(i): solver(cells, setting) for i, (setting, cells, _) in enumerate(reached)}
            quick = take_turns(candidates, 0.0) if len(candidates) > 1 else {"0": 0.0}
            setting, cells, found = reached[int(min(quick, key=quick.get))]
            result |= {"cells": cells, "solver_error": found, "setting": _words(setting)}
        calls = {"surrogate": lambda: self.surrogate.rollout(u0, named, self.problem.steps)}
        if reached:
            calls["solver"] = solver(cells, setting)
        if batch == 1:
            calls["usual"] = solver(self.points, {})
        return result | {f"{name}_ms": value for name, value in take_turns(calls, seconds).items()}


def _words(setting: dict) -> str:
    shown = {
        name: getattr(value, "__name__", value) for name, value in setting.items() if name not in UNREFINED
    }
    return ", ".join(f"{name} {value}" for name, value in shown.items()) or "as usual"


def table(rows: list[dict]) -> str:
    head = ["parameters", "nRMSE", "batch", "surrogate ms", "solver: cells", "setting", "nRMSE", "ms"]
    head += ["solver / surrogate", "as it made the data: nRMSE, ms"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        for b in row["batches"]:
            shown = [", ".join(f"{k} {v:.3g}" for k, v in row["parameters"].items()), f"{row['error']:.4f}"]
            shown += [str(b["batch"]), f"{b['surrogate_ms']:.2f}"]
            if "solver_ms" in b:
                ratio = b["solver_ms"] / b["surrogate_ms"]
                shown += [str(b["cells"]), b["setting"], f"{b['solver_error']:.4f}", f"{b['solver_ms']:.2f}"]
                shown.append(f"{ratio:.2f} ({'surrogate' if ratio > 1 else 'solver'} wins)")
            else:
                shown += ["never as accurate", "", "", "", ""]
            usual = f"{row['usual_solver_error']:.1e}"
            shown.append(f"{usual}, {b['usual_ms']:.1f}" if "usual_ms" in b else usual)
            lines.append("| " + " | ".join(shown) + " |")
    return "\n".join(lines)


def vectors(problem: Problem, texts: list[str]) -> list[np.ndarray]:
    """Parameter vectors to compare at: those named, else three in the inside of the trained range."""
    if texts:
        named = [assignments(text.split(","), "--parameter") for text in texts]
        return [np.array([float(values[name]) for name in problem.parameters]) for values in named]
    low, high = np.array(problem.low), np.array(problem.high)
    between = low * (high / low) ** np.array([[0.2], [0.5], [0.8]]) if (low > 0).all() else None
    return list(low + (high - low) * np.array([[0.2], [0.5], [0.8]]) if between is None else between)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="name or folder of a surrogate of a simulated equation")
    parser.add_argument("--parameter", nargs="*", default=[], metavar="NAME=VALUE[,NAME=VALUE]")
    parser.add_argument("--batch", nargs="*", type=int, default=[1, 256])
    parser.add_argument("--samples", type=int, default=32, help="trajectories the errors are measured on")
    parser.add_argument("--finer", type=int, default=5, help="how much finer the reference is asked for, odd")
    parser.add_argument("--seconds", type=float, default=5.0, help="time for each pair's turns")
    parser.add_argument("--out", help="JSON file to write")
    arguments = parser.parse_args()
    surrogate = cape.load(arguments.model)
    comparison = Comparison(surrogate, arguments.samples, max(arguments.batch), arguments.finer)
    rows = []
    for values in vectors(surrogate.problem, arguments.parameter):
        rows.append(comparison.at(values, arguments.batch, arguments.seconds))
        if rows[-1]["usual_solver_error"] > rows[-1]["error"] / 3:
            print(
                f"warning: at {rows[-1]['parameters']} the reference is hardly finer than it must be; raise --finer"
            )
    device = jax.devices()[0]
    machine = f"{device.device_kind}, {len(os.sched_getaffinity(0))} of {os.cpu_count()} CPU cores"
    problem = surrogate.problem
    what = f"{problem.steps} steps of {problem.dt:g} on {' x '.join(map(str, problem.resolution))} points"
    print(f"{arguments.model} ({problem.equation}), {what}; {machine}, jax {jax.__version__}\n")
    print(table(rows))
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
