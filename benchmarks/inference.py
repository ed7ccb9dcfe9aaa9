"""Measure how well `cape.infer` finds the parameters of simulated trajectories, and how often its intervals hold them.

    python benchmarks/inference.py burgers1d advection1d grayscott2d --seeds 0 1 2 --out results.jsonl
    cape train burgers1d --model.members 8 --model.no-identify --out runs/ensemble
    python benchmarks/inference.py burgers1d --surrogate runs/ensemble --calibration 0

Trajectories are simulated with parameters drawn from a range. They get white noise of 1 % of the standard deviation of
their first frame, in all frames. The noise is not given to `cape.infer`. Intervals are calibrated on other simulated
trajectories. Each seed has its own parameters, initial conditions and noise.
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass, replace

import jax
import numpy as np

import cape
from cape.datasets.simulate.simulation import simulate
from cape.datasets.trajectories import Trajectories

NOISE = 0.01
LEVEL = 0.9


@dataclass(frozen=True)
class Case:
    """What is simulated, and what is inferred from it."""

    equation: str
    ranges: dict[str, str]
    frames: int
    t_end: float
    trajectories: int
    calibration: int
    quarter: int  # every n-th point along each axis leaves a quarter of the points


CASES = {
    "burgers1d": Case("burgers", {"Nu": "loguniform:0.002:0.4"}, 11, 2.0, 50, 99, 4),
    "advection1d": Case("advection", {"beta": "loguniform:0.2:4"}, 21, 2.0, 50, 99, 4),
    "grayscott2d": Case(
        "gray-scott-small", {"F": "uniform:0.026:0.05", "k": "uniform:0.055:0.06"}, 21, 400.0, 8, 19, 2
    ),
}


def simulated(case: Case, resolution: int, samples: int, seed: int, folder: str) -> Trajectories:
    """Simulate trajectories at drawn parameter values."""
    paths = simulate(
        case.equation,
        folder,
        case.ranges,
        samples=samples,
        seed=seed,
        resolution=resolution,
        frames=case.frames,
        t_end=case.t_end,
        overwrite=True,
        progress=False,
    )
    return cape.open(paths).loaded()


def with_noise(trajectories: Trajectories, seed: int) -> np.ndarray:
    """Return the fields with white noise, NOISE times the standard deviation of each channel of the first frame."""
    u = trajectories.read()
    axes = tuple(range(2, u.ndim - 1))
    level = NOISE * u[:, :1].std(axes, keepdims=True)
    return (u + level * np.random.default_rng(seed).normal(size=u.shape)).astype(np.float32)


def measure(name: str, case: Case, seed: int, model: str, timed: bool) -> list[dict]:
    """Infer the parameters of the trajectories of a seed, from all points and from a quarter of them."""
    surrogate = cape.load(model)
    (resolution, *_) = surrogate.problem.resolution
    with tempfile.TemporaryDirectory() as folder:
        observed = simulated(case, resolution, case.trajectories, 1000 + seed, f"{folder}/observed")
        others = None
        if case.calibration:
            others = simulated(case, resolution, case.calibration, 2000 + seed, f"{folder}/calibration")
    noisy, rows = with_noise(observed, seed), []
    for every in (1, case.quarter):
        seconds = []
        calls = [None] * (1 + timed) + [others] * (others is not None)  # the first call compiles
        for calibration in calls:
            start = time.perf_counter()
            found = cape.infer(
                surrogate, noisy, points_every=every, calibration=calibration, level=LEVEL, seed=seed
            )
            seconds.append(time.perf_counter() - start)
            if calibration is None:
                uncalibrated = found
        row = {
            "model": name,
            "members": surrogate.members,
            "seed": seed,
            "trajectories": len(noisy),
            "points": "all" if every == 1 else "quarter",
        }
        row |= {"calibration": case.calibration, "device": jax.devices()[0].device_kind}
        if timed:
            row["seconds each"] = seconds[1] / len(noisy)
        row["first call"] = seconds[0]
        row["warned"] = sum(bool(each) for each in found.warnings)
        row["forward error"] = float(np.median(found.forward_error))
        errors = []
        for i, parameter in enumerate(observed.parameter_names):
            true = observed.parameters[:, i]
            error = np.abs(found.values[parameter] / true - 1)
            errors.append(error)
            row[parameter] = {
                "median": float(np.median(error)),
                "90 %": float(np.quantile(error, 0.9)),
                "coverage": coverage(found, parameter, true),
                "uncalibrated": coverage(uncalibrated, parameter, true),
                "half width": half_width(found, parameter),
            }
        row["median of the largest error"] = float(np.median(np.max(errors, 0)))
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def coverage(found: cape.Inference, parameter: str, true: np.ndarray) -> float:
    """Return the share of intervals that hold the true value."""
    low, high = found.interval[parameter].T
    return float(((low <= true) & (true <= high)).mean())


def half_width(found: cape.Inference, parameter: str) -> float:
    """Return the median half width of the intervals, relative to the estimates."""
    low, high = found.interval[parameter].T
    return float(np.median((high - low) / 2 / found.values[parameter]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", default=list(CASES), help=f"of {', '.join(CASES)}")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--trajectories", type=int, help="how many; by default, those of the case")
    parser.add_argument(
        "--calibration", type=int, help="how many to calibrate on; 0: intervals are not calibrated"
    )
    parser.add_argument("--surrogate", default="", help="folder of another surrogate of the same equation")
    parser.add_argument(
        "--untimed", action="store_true", help="infer once, without a second call for the time"
    )
    parser.add_argument("--out", default="", help="file to which the rows are added, as JSON")
    options = parser.parse_args()
    for name in options.models:
        case = CASES[name]
        if options.trajectories is not None:
            case = replace(case, trajectories=options.trajectories)
        if options.calibration is not None:
            case = replace(case, calibration=options.calibration)
        for seed in options.seeds:
            rows = measure(name, case, seed, options.surrogate or name, not options.untimed)
            if options.out:
                with open(options.out, "a", encoding="utf-8") as file:
                    file.writelines(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    main()
