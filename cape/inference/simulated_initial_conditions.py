"""Simulated initial conditions: drawn by the simulator of the surrogate's equation."""

import dataclasses

import numpy as np

from cape.datasets.equations.equation import EQUATIONS, Equation
from cape.datasets.simulate.simulation import LOWEST_RESOLUTION, MOST_SAMPLES
from cape.inference.initial_conditions import InitialConditions, InitialConditionSource, Read
from cape.inference.resampling import check_length
from cape.problem import Problem

_LARGEST_SEED = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class SimulatedInitialConditions(InitialConditionSource):
    """Initial conditions drawn as `cape simulate` draws them: sample i of a seed is the same in both.

    Attributes:
        samples: how many to draw.
        seed: the random seed; it determines every initial condition.
        resolution: points per axis; 0 takes the training grid.
    """

    samples: int
    seed: int = 0
    resolution: int = 0

    def open(self, problem: Problem, history: int = 1) -> InitialConditions:
        """Draw the initial conditions; their values on the grid are computed when they are read.

        Args:
            problem: the surrogate's problem.
            history: how many initial frames a rollout takes; the frames after the first are simulated.

        Raises:
            ValueError: the equation has no simulator, the simulator solves another problem than the surrogate, or
                a number is out of range.
        """
        equation = _find_equation(problem)
        resolution = self.resolution or _training_points(problem)
        self._check_numbers(resolution)
        attributes = {"seed": self.seed, "resolution": resolution}
        numbers = self.seed * MOST_SAMPLES + np.arange(self.samples)
        read = self._reader(equation, problem, resolution, history)
        return InitialConditions(read, equation.coordinates(resolution), numbers, attributes=attributes)

    def _check_numbers(self, resolution: int) -> None:
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise ValueError(
                f"samples: expected 1 to {MOST_SAMPLES} initial conditions to simulate, got {self.samples}"
            )
        if not 0 <= self.seed <= _LARGEST_SEED:
            raise ValueError(f"seed: expected 0 to {_LARGEST_SEED}, got {self.seed}")
        if resolution < LOWEST_RESOLUTION:
            raise ValueError(f"resolution: expected at least {LOWEST_RESOLUTION} points, got {resolution}")

    def _reader(self, equation: Equation, problem: Problem, resolution: int, history: int) -> Read:
        """Return the function that computes initial frames."""
        initial = equation.initial_conditions(self.seed, self.samples)
        order = [problem.parameters.index(name) for name in equation.parameter_names]
        expected = (history, *[resolution] * equation.dimension, len(equation.channels))
        times = problem.dt * np.arange(history)

        def read(rows: slice, parameters: np.ndarray) -> np.ndarray:
            columns = (parameters[:, i] for i in order)
            u = equation.solve(initial.select(rows), *columns, resolution=resolution, times=times)
            if u.shape[1:] != expected or not np.isfinite(u).all():
                raise ValueError(
                    f"the simulator of {equation.name}: expected finite initial frames of shape {expected}, got "
                    f"{'NaN or infinity' if u.shape[1:] == expected else u.shape[1:]}"
                )
            return np.asarray(u, np.float32)

        return read


def _training_points(problem: Problem) -> int:
    """Return the points per axis of the training grid, which must be the same along every axis."""
    if len(set(problem.resolution)) > 1:
        sizes = " x ".join(map(str, problem.resolution))
        raise ValueError(
            f"resolution: expected the points per axis, as the training grid ({sizes}) differs between axes and the "
            "simulator has the same number along every axis"
        )
    return problem.resolution[0]


def _find_equation(problem: Problem) -> Equation:
    """Find the equation to simulate, and check that it is the surrogate's problem."""
    equation = EQUATIONS.parts.get(problem.equation)
    if equation is None:
        raise ValueError(
            f"no simulator of the surrogate's equation {problem.equation!r} (there are "
            f"{', '.join(sorted(EQUATIONS.parts))}); give files with initial conditions"
        )
    for name, found, expected in (
        ("axes", equation.dimension, problem.dimension),
        ("channels", equation.channels, problem.channels),
        ("parameters", sorted(equation.parameter_names), sorted(problem.parameters)),
        ("boundaries", (equation.boundary,) * equation.dimension, problem.boundaries),
    ):
        if found != expected:
            raise ValueError(
                f"the simulator of {equation.name} has {name} {found}, the surrogate {expected}; give files with "
                "initial conditions"
            )
    check_length(problem, (equation.length,) * equation.dimension, f"the simulator of {equation.name}")
    return equation
