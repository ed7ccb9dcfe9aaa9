"""The comparison of a surrogate with the numerical solver of its equation, at equal error."""

import functools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from interpolation import interpolations
from solver_settings import Settings, reference_settings, settings_text, unrefined_settings

from cape.datasets.equations.equation import InitialConditions, find_equation
from cape.surrogate import Surrogate

CELLS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
SEED = 20_000_003  # of initial conditions that no training has
Calls = Mapping[str, Callable[[], Any]]


class CachedInitialConditions:
    """Initial conditions that are evaluated once for each grid, so that their evaluation is not timed."""

    def __init__(self, initial: Callable[..., np.ndarray]):
        self.initial, self.known = initial, {}

    def __call__(self, *points, **options) -> np.ndarray:
        key = tuple(a.tobytes() if isinstance(a, np.ndarray) else a for a in (*points, *options.values()))
        if key not in self.known:
            self.known[key] = self.initial(*points, **options)
        return self.known[key]


class CoarseSolver(NamedTuple):
    """The settings of a solver, the coarsest grid on which its error is small enough, and its error there."""

    settings: Settings
    cells: int
    error: float


def nrmse(u: np.ndarray, truth: np.ndarray) -> float:
    """Compute the nRMSE of the frames after the first, averaged over frames, channels and samples."""
    u, truth = (np.asarray(a[:, 1:], np.float64) for a in (u, truth))
    space = tuple(range(2, truth.ndim - 1))
    return float(np.mean(np.sqrt(((u - truth) ** 2).mean(space) / (truth**2).mean(space))))


def median_times(
    calls: Calls, seconds: float, repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Return the median time of each call in milliseconds by a clock in seconds.

    The calls alternate for `seconds`, at least `repeats` times.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        jax.block_until_ready(call())
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or min(map(len, times.values())) < repeats:
        for name, call in calls.items():
            start = clock()
            jax.block_until_ready(call())
            times[name].append(1e3 * (clock() - start))
    return {name: statistics.median(values) for name, values in times.items()}


class Comparison:
    """A surrogate and its solver on the same grid, at the same times, from the same initial conditions.

    Args:
        surrogate: of an equation that can be simulated.
        samples: number of trajectories that errors are measured on.
        largest_batch: number of trajectories of the largest batch that is timed.
        finer: how many times finer than the surrogate's grid the reference is, an odd number.
        repeats: number of timings of a call, at least.
        clock: measures times in seconds, such as `time.process_time`.

    Raises:
        SystemExit: the equation has no solver to compare with, or the surrogate is not of simulated data.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        samples: int,
        largest_batch: int,
        finer: int,
        repeats: int = 5,
        clock: Callable[[], float] = time.perf_counter,
    ):
        problem = surrogate.problem
        self.surrogate, self.problem, self.samples, self.finer = surrogate, problem, samples, finer
        self.median_times = functools.partial(median_times, repeats=repeats, clock=clock)
        self.equation = find_equation(problem.equation)
        if self.equation.name == "advection":
            raise SystemExit("advection is solved exactly by a formula: there is no solver to compare with")
        if problem.parameters != self.equation.parameter_names or len(set(problem.resolution)) != 1:
            raise SystemExit(
                f"expected a surrogate of data that `cape simulate` wrote, with parameters "
                f"{self.equation.parameter_names} and one resolution for all axes, got {problem.parameters} and "
                f"{problem.resolution}"
            )
        self.points = problem.resolution[0]
        self.times = problem.dt * np.arange(problem.steps + 1)
        self.initial = self.equation.initial_conditions(SEED, max(samples, largest_batch))

    def solve(
        self, initial: InitialConditions, count: int, values: np.ndarray, cells: int, **settings
    ) -> np.ndarray:
        """Solve for `count` initial conditions at one parameter vector: [sample, time, *space, channel]."""
        columns = [np.full(count, value) for value in values]
        return self.equation.solve(initial, *columns, resolution=cells, times=self.times, **settings)

    def reference(self, values: np.ndarray) -> np.ndarray:
        """Solve on the fine grid in short steps, and return the values at the surrogate's points, which it contains."""
        fine = self._solve_samples(values, self.finer * self.points, **reference_settings(self.equation))
        coarse = (slice(self.finer // 2, None, self.finer),) * self.problem.dimension
        return fine[(slice(None), slice(None), *coarse)]

    def coarsest(
        self, values: np.ndarray, truth: np.ndarray, settings: Settings, bound: float
    ) -> CoarseSolver | None:
        """Find the coarsest grid on which the solver's error is at most `bound`; None if no grid of CELLS will do.

        The search ends at a grid finer than the surrogate's that hardly lowers the error: the time step is too long.
        """
        last = np.inf
        for cells in CELLS:
            if cells > 4 * self.points:
                return None
            try:
                u = self._solve_samples(values, cells, **settings)
            except ValueError:  # the grid is too coarse for the scheme
                continue
            error = self._error(u, truth)
            if error <= bound:
                return CoarseSolver(settings, cells, error)
            if cells > self.points and error > 0.9 * last:
                return None
            last = error
        return None

    def at(self, values: np.ndarray, batches: Sequence[int], seconds: float) -> dict[str, Any]:
        """Compare at one parameter vector: return errors and, for each batch size, times."""
        truth = self.reference(values)
        usual = self._solve_samples(values, self.points)
        named = self._named(values)
        u = np.asarray(self.surrogate.rollout(truth[:, 0], named, self.problem.steps))
        bound = nrmse(np.concatenate([truth[:, :1], u], 1), truth)
        tried = (
            self.coarsest(values, truth, settings, bound) for settings in unrefined_settings(self.equation)
        )
        solvers = [solver for solver in tried if solver is not None]
        return {
            "parameters": named,
            "error": bound,
            "usual_solver_error": nrmse(usual, truth),
            "batches": [
                {"batch": batch} | self.time(values, truth, solvers, batch, seconds) for batch in batches
            ],
        }

    def time(
        self,
        values: np.ndarray,
        truth: np.ndarray,
        solvers: Sequence[CoarseSolver],
        batch: int,
        seconds: float,
    ) -> dict[str, Any]:
        """Time the surrogate and the fastest of the solvers on a batch, in milliseconds.

        A batch of one trajectory is also solved as `cape simulate` does it.
        """
        first = _median_sample(truth) if batch == 1 else 0
        initial = CachedInitialConditions(self.initial.select(slice(first, first + batch)))
        u0 = truth[np.arange(first, first + batch) % len(truth), 0]
        named = self._named(values)

        def call(cells: int, settings: Settings) -> Callable[[], np.ndarray]:
            return lambda: self.solve(initial, batch, values, cells, **settings)

        result: dict[str, Any] = {}
        calls: dict[str, Callable] = {
            "surrogate": lambda: self.surrogate.rollout(u0, named, self.problem.steps)
        }
        if solvers:
            candidates = {str(i): call(solver.cells, solver.settings) for i, solver in enumerate(solvers)}
            times = self.median_times(candidates, 0.0) if len(candidates) > 1 else {"0": 0.0}
            fastest = solvers[int(min(times, key=times.__getitem__))]
            calls["solver"] = call(fastest.cells, fastest.settings)
            setting = settings_text(fastest.settings)
            result |= {"cells": fastest.cells, "solver_error": fastest.error, "setting": setting}
        if batch == 1:
            calls["usual"] = call(self.points, {})
        times = self.median_times(calls, seconds)
        result |= {f"{name}_ms": value for name, value in times.items()}
        if solvers and times["solver"] < times["surrogate"]:
            finer = (cells for cells in CELLS if cells > fastest.cells)
            result |= self._slower_grid(values, truth, fastest.settings, call, finer, times["surrogate"])
        return result

    def _slower_grid(
        self, values, truth, settings: Settings, call, grids, surrogate_ms: float
    ) -> dict[str, Any]:
        """Find the coarsest of finer grids on which the solver is slower than the surrogate, and its error there."""
        for cells in grids:
            if cells > 4 * self.points:
                break
            solver_ms = self.median_times({"solver": call(cells, settings)}, 0.0, repeats=1)["solver"]
            if solver_ms > surrogate_ms:
                error = self._error(self._solve_samples(values, cells, **settings), truth)
                return {"slower_cells": cells, "slower_ms": solver_ms, "slower_error": error}
        return {}

    def _error(self, u: np.ndarray, truth: np.ndarray) -> float:
        """Compute the nRMSE on the surrogate's grid of a solution on another one, by the better interpolation."""
        periodic = self.problem.boundaries[0] == "periodic"
        return min(nrmse(way, truth) for way in interpolations(u, self.points, periodic))

    def _solve_samples(self, values: np.ndarray, cells: int, **settings) -> np.ndarray:
        return self.solve(self.initial.select(slice(self.samples)), self.samples, values, cells, **settings)

    def _named(self, values: np.ndarray) -> dict[str, float]:
        return dict(zip(self.problem.parameters, map(float, values), strict=True))


def _median_sample(truth: np.ndarray) -> int:
    """Return the sample with the median largest value, on which the solver's time step depends."""
    sizes = np.abs(truth[:, 0]).reshape(len(truth), -1).max(1)
    return int(np.argsort(sizes)[len(sizes) // 2])
