"""Print how well shipped surrogates are adapted to new regimes from 1, 4 and 16 trajectories.

    python benchmarks/adaptation.py [--case NAME] [--seeds 0 1 2] [--given 1 4 16] [--table docs/adaptation.md]

The cases are `burgers-low` (burgers1d at Nu 0.0005, a quarter of its smallest trained value), `burgers-high` (Nu 20,
ten times its largest), `flow-stronger` (navierstokes2d at a force four times its largest) and `flow-other-force`
(navierstokes2d with the force of another field). Each seed is a set of given trajectories. Errors are nRMSE of rollouts
from 20 other initial conditions, at the new parameters and, as the mean over values, at old ones. Every adaptation is a
line in benchmarks/adaptation/results.jsonl, and those that are there are not repeated. Seconds are processor time
of an adaptation, compilation included.
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from records import add_record, read_records
from table_text import replace_table, spread

import cape
from cape.datasets.equations.incompressible import points_for, random_vorticity
from cape.datasets.schemes.incompressible import evolve
from cape.datasets.simulate.simulation import simulate
from cape.datasets.trajectories import Trajectories

RESULTS = Path(__file__).with_name("adaptation") / "results.jsonl"
MOST, SETS, TESTS, OLD = 16, 3, 20, 5  # given at most, sets of them, tests at the new and at each old value
BURGERS = {"resolution": 128, "frames": 11, "t_end": 2.0}
FLOW = {"resolution": 32, "frames": 21, "t_end": 4.0}
OLD_VALUES = {
    "burgers1d": {"Nu": "0.002,0.01,0.04,0.2,1.0,2.0"},
    "navierstokes2d": {"nu": "0.002,0.004", "forcing": "0,1,2"},
}


def of_equation(equation: str, settings: dict, values: dict[str, str], samples: int) -> Trajectories:
    """Simulate trajectories of a registered equation."""
    with tempfile.TemporaryDirectory() as folder:
        simulate(equation, folder, values, samples=samples, seed=1, progress=False, **settings)
        data = cape.open(folder)
        fields = {name: data.parameters[:, i] for i, name in enumerate(data.parameter_names)}
        grid = {"dt": data.dt, "dx": 1 / settings["resolution"]}
        return cape.from_arrays(data.read(), fields, channels=data.channel_names, equation=equation, **grid)


def other_force(samples: int) -> Trajectories:
    """Simulate the flow of navierstokes2d with the force 3 cos 4πy, where the training had sin + cos of 2π (x + y)."""
    n, nu, amplitude = FLOW["resolution"], 0.004, 3.0
    times = np.linspace(0.0, FLOW["t_end"], FLOW["frames"])
    factor = -(-points_for(np.array([nu]), 5.0) // n)
    fine = (0.5 + np.arange(factor * n) / factor) / n
    first = random_vorticity(1, samples, alpha=4.0, tau=20.0, size=5.0)(fine, fine)[..., 0]
    force = amplitude * np.cos(4 * np.pi * fine)[None, None] * np.ones((samples, len(fine), 1))
    w = evolve(first, np.full(samples, nu), force, times)[:, :, ::factor, ::factor, None]
    return cape.from_arrays(
        w.astype(np.float32),
        {"nu": np.full(samples, nu), "forcing": np.full(samples, amplitude)},
        dt=times[1],
        dx=1 / n,
        channels=("vorticity",),
        equation="navier-stokes-eddies",
    )


CASES: dict[str, tuple[str, Callable[[int], Trajectories]]] = {
    "burgers-low": ("burgers1d", lambda n: of_equation("burgers", BURGERS, {"Nu": "0.0005"}, n)),
    "burgers-high": ("burgers1d", lambda n: of_equation("burgers", BURGERS, {"Nu": "20"}, n)),
    "flow-stronger": (
        "navierstokes2d",
        lambda n: of_equation("navier-stokes-eddies", FLOW, {"nu": "0.004", "forcing": "8"}, n),
    ),
    "flow-other-force": ("navierstokes2d", other_force),
}


def old_data(model: str) -> Trajectories:
    """Simulate trajectories at parameters that a surrogate was trained on, or that lie between these."""
    equation, settings = ("burgers", BURGERS) if model == "burgers1d" else ("navier-stokes-eddies", FLOW)
    return of_equation(equation, settings, OLD_VALUES[model], OLD)


def error(surrogate: cape.Surrogate, data: Trajectories) -> float:
    """Return the mean nRMSE over parameter values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = cape.evaluate(surrogate, data, all_samples=True).evaluation.rows
    return float(np.mean([row.values["nRMSE"] for row in rows]))


def measure(case: str, seeds: list[int], given: list[int]) -> None:
    """Adapt for every seed and number of trajectories that is not in the results, and add a line for each."""
    known = {(r["case"], r["seed"], r["given"]) for r in read_records(RESULTS)}
    missing = [(seed, n) for seed in seeds for n in (0, *given) if (case, seed, n) not in known]
    if not missing:
        return
    model, make = CASES[case]
    new, old = make(MOST * SETS + TESTS), old_data(model)
    tests = new.select(np.arange(MOST * SETS, new.samples))
    original = cape.load(model)
    for seed, n in missing:
        begin, adapted = time.process_time(), original
        if n:
            adapted = cape.adapt(model, new.select(np.arange(MOST * seed, MOST * seed + n)), seed=seed)
        seconds = time.process_time() - begin
        regime = adapted.adaptation
        row = {
            "case": case,
            "seed": seed,
            "given": n,
            "new": error(adapted, tests),
            "old": error(adapted, old),
            "seconds": round(seconds, 1),
            "scheme": regime.scheme if regime else "",
            "terms": len(regime.equation.terms) if regime else 0,
        }
        add_record(RESULTS, row)
        print(row, flush=True)


def table() -> str:
    """Return the results as a Markdown table."""
    lines = [
        "| case | given trajectories | error, new regime | error, old values | seconds |",
        "|---|---|---|---|---|",
    ]
    rows = read_records(RESULTS)
    for case in CASES:
        for given in sorted({r["given"] for r in rows if r["case"] == case}):
            chosen = [r for r in rows if (r["case"], r["given"]) == (case, given)]
            new, old = ([r[name] for r in chosen] for name in ("new", "old"))
            seconds = f"{np.mean([r['seconds'] for r in chosen]):.0f}" if given else ""
            number = str(given) if given else "none"
            lines.append(f"| {case} | {number} | {digits(new)} | {digits(old)} | {seconds} |")
    return "\n".join(lines)


def digits(values: list[float]) -> str:
    """Format errors; small ones with more digits."""
    small = f"{np.mean(values):.5f} ± {np.std(values, ddof=1) if len(values) > 1 else 0:.5f}"
    return small if np.mean(values) < 0.005 else spread(values)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", choices=CASES, action="append", help="default: all")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(SETS)))
    parser.add_argument("--given", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--table", help="page to write the table into")
    options = parser.parse_args()
    for case in options.case or CASES:
        measure(case, options.seeds, options.given)
    if options.table:
        replace_table(Path(options.table), "<!-- adaptation -->", table())
    print(table())


if __name__ == "__main__":
    main()
