"""Measure the coverage of the bands of `Surrogate.rollout(..., uncertainty=True)`, and what the distance flags.

    python benchmarks/bands.py advection1d burgers1d --seeds 0 1 2
    python benchmarks/bands.py advection1d burgers1d --into pretrained    # the calibrations that are shipped

The surrogate is calibrated on simulated trajectories, and its bands are compared with others: other initial conditions,
at trained values, at values inside the trained range that the calibration does not have, and outside the range. The
distance should exceed 1 where the error is large: over three times the mean error at the trained values.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import cape
from cape.datasets.simulate.simulation import simulate
from cape.uncertainty.calibrate import LEVELS, calibrate


@dataclass(frozen=True)
class Case:
    """What is simulated. Values of the calibration are trained ones and one between each two of some."""

    equation: str
    parameter: str
    calibration: str
    test: dict[str, str]
    frames: int
    t_end: float
    samples: int


CASES = {
    "advection1d": Case(
        "advection",
        "beta",
        "0.2,0.3,0.4,0.7,1.2,2.0,3.0,4.0",
        {
            "seen": "0.2,0.4,0.7,2.0,4.0",
            "interpolated": "0.25,0.5,1.0,1.5,3.5",
            "extrapolated": "0.1,5.0,7.0",
        },
        21,
        2.0,
        60,
    ),
    "burgers1d": Case(
        "burgers",
        "Nu",
        "0.002,0.004,0.007,0.02,0.04,0.1,0.2,0.4,2.0",
        {"seen": "0.002,0.02,0.2,2.0", "interpolated": "0.003,0.01,0.07,0.3", "extrapolated": "0.0005,4.0"},
        11,
        2.0,
        16,
    ),
}


def simulated(case: Case, values: str, seed: int) -> cape.Trajectories:
    """Simulate trajectories at values."""
    with tempfile.TemporaryDirectory() as folder:
        paths = simulate(
            case.equation,
            folder,
            {case.parameter: values},
            samples=case.samples,
            unshared=case.samples,  # other initial conditions at each value
            seed=seed,
            resolution=128,
            frames=case.frames,
            t_end=case.t_end,
            progress=False,
        )
        return cape.open(paths).loaded()


def calibrated(name: str, case: Case, seed: int) -> cape.Surrogate:
    """Load and calibrate a surrogate."""
    surrogate = cape.load(name)
    calibrate(surrogate, simulated(case, case.calibration, 3000 + seed))
    return surrogate


def measure(name: str, case: Case, seed: int) -> None:
    """Calibrate, and print the coverage at each kind of values and the rates of the distance."""
    surrogate = calibrated(name, case, seed)
    errors, distance, rows = {}, {}, {}
    for kind, values in case.test.items():
        data = simulated(case, values, 4000 + seed)
        u = data.read()
        rows[kind] = {}
        for level in LEVELS:
            found = surrogate.rollout(
                u[:, 0], data.parameters, case.frames - 1, uncertainty=True, level=level
            )
            difference = np.abs(np.asarray(found.frames) - u[:, 1:])
            inside = difference <= np.asarray(found.half_width)[:, :, None]
            rows[kind][f"{level:g}"] = round(float(inside.mean()), 4)
        size = np.sqrt((u[:, 1:] ** 2).mean((1, 2, 3)))
        errors[kind] = np.sqrt((difference**2).mean((1, 2, 3))) / size
        distance[kind] = np.asarray(found.distance)
    error, far = np.concatenate(list(errors.values())), np.concatenate(list(distance.values())) > 1
    large = error > 3 * errors["seen"].mean()
    rates = {
        "large errors": int(large.sum()),
        "of": len(error),
        "flagged": float(far[large].mean()) if large.any() else None,
        "false alarms": float(far[~large].mean()),
    }
    print(json.dumps({"model": name, "seed": seed, "coverage": rows, "distance": rates}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", default=list(CASES), help=f"of {', '.join(CASES)}")
    parser.add_argument(
        "--into", help="store the calibration of the first seed in this folder of surrogates, and end"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    if options.into:
        for name in options.models:
            record = calibrated(name, CASES[name], options.seeds[0]).uncertainty
            assert record is not None
            print(record.save(Path(options.into) / name))
        return
    for name in options.models:
        for seed in options.seeds:
            measure(name, CASES[name], seed)


if __name__ == "__main__":
    main()
