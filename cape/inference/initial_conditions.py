"""Starts: the initial conditions of predictions, from files or from the simulator of the surrogate's equation."""

import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from cape.datasets.equations.equation import EQUATIONS, Equation
from cape.datasets.opening import open_files
from cape.datasets.simulate.simulation import LOWEST_RESOLUTION, MOST_SAMPLES
from cape.datasets.trajectories import is_uniform
from cape.inference.resampling import check_length, in_steps, on_grid
from cape.out_of_distribution import other_time_step
from cape.problem import Problem

Read = Callable[
    [slice, Float[np.ndarray, "sample parameter"]], Float[np.ndarray, "sample history *space channel"]
]


@dataclasses.dataclass(frozen=True, eq=False)
class Starts:
    """Initial conditions, read a few at a time.

    Attributes:
        read: (samples, their parameters) -> the frames given [sample, history, *space, channel], float32.
        coordinates: cell centres, one array per axis.
        initial_conditions: [sample], their numbers: equal numbers mean equal initial conditions, in all files.
        parameters: [sample, parameter], or None where the initial conditions bring none.
        attributes: what else a file says of where they come from.
    """

    read: Read
    coordinates: tuple[Float[np.ndarray, " n"], ...]
    initial_conditions: Int[np.ndarray, " sample"]
    parameters: Float[np.ndarray, "sample parameter"] | None = None
    attributes: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def samples(self) -> int:
        return len(self.initial_conditions)

    @property
    def resolution(self) -> tuple[int, ...]:
        """Points along each axis."""
        return tuple(map(len, self.coordinates))


@dataclasses.dataclass(frozen=True)
class FromFiles:
    """The first frame of every sample of files or folders, or as many as a step takes.

    Attributes:
        samples: take the first n samples; 0 takes all.
        space_stride: take every n-th point of each axis; 0: as in training.
    """

    files: tuple[str | Path, ...]
    samples: int = 0
    space_stride: int = 0

    def starts(self, problem: Problem, history: int = 1) -> Starts:
        """Open the files; reads no field.

        Args:
            history: how many frames are given.

        Warns:
            OtherTimeStep: the files have frames, and they are not one step of the surrogate apart.

        Raises:
            ValueError: files that cannot be opened together or are not of this problem, or too few frames.
        """
        if self.samples < 0:
            raise ValueError(f"--samples: expected 0 (all) or more, got {self.samples}")
        opened = on_grid(problem, open_files(list(self.files)), self.space_stride)
        if opened.frames < history:
            raise ValueError(f"{opened.source}: expected {history} frames to start from, got {opened.frames}")
        if history == 1 < opened.frames and is_uniform(opened.times):
            for category, text in other_time_step(problem, opened.dt, opened.source):
                warnings.warn(text, category, stacklevel=2)
        if history > 1:
            opened = in_steps(problem, opened)
            if opened.frames < history:
                raise ValueError(
                    f"{opened.source}: expected {history} frames {problem.dt:g} apart to start from, got "
                    f"{opened.frames}"
                )
        first = opened.first_frames(history)
        first = first.select(np.arange(min(self.samples or first.samples, first.samples)))

        def read(rows: slice, _) -> np.ndarray:
            return first.read(np.arange(rows.start, rows.stop))

        return Starts(read, first.coordinates, first.initial_conditions, first.parameters)


@dataclasses.dataclass(frozen=True)
class FromSimulator:
    """Initial conditions as `cape simulate` draws them: sample i of a seed is the same there and here.

    Attributes:
        samples: how many.
        seed: everything random follows from it.
        resolution: points per axis; 0: as in training.
    """

    samples: int
    seed: int = 0
    resolution: int = 0

    def starts(self, problem: Problem, history: int = 1) -> Starts:
        """Draw the initial conditions; their values on the grid are computed when they are read.

        Args:
            history: how many frames are given: those after the first are simulated.

        Raises:
            ValueError: the equation has no simulator, or it solves another problem than the surrogate; numbers
                out of range.
        """
        equation = self._equation(problem)
        resolution = self.resolution or problem.resolution[0]
        if not self.resolution and len(set(problem.resolution)) > 1:
            sizes = " x ".join(map(str, problem.resolution))
            raise ValueError(
                f"--simulate: the simulator has as many points along every axis, training {sizes}; name --resolution"
            )
        self._check(resolution)
        initial = equation.initial_conditions(self.seed, self.samples)
        order = [problem.parameters.index(name) for name in equation.parameter_names]
        expected = (history, *[resolution] * equation.dimension, len(equation.channels))
        times = problem.dt * np.arange(history)

        def read(rows: slice, parameters: np.ndarray) -> np.ndarray:
            columns = (parameters[:, i] for i in order)
            u = equation.solve(initial.select(rows), *columns, resolution=resolution, times=times)
            if u.shape[1:] != expected or not np.isfinite(u).all():
                raise ValueError(f"--simulate: {equation.name} gives no finite initial conditions {expected}")
            return np.asarray(u, np.float32)

        numbers = self.seed * MOST_SAMPLES + np.arange(self.samples)
        attributes = {"seed": self.seed, "resolution": resolution}
        return Starts(read, equation.coordinates(resolution), numbers, attributes=attributes)

    def _check(self, resolution: int) -> None:
        if not 1 <= self.samples <= MOST_SAMPLES:
            raise ValueError(f"--simulate: expected between 1 and {MOST_SAMPLES} samples, got {self.samples}")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"--seed: expected 0 to 2147483647, got {self.seed}")
        if resolution < LOWEST_RESOLUTION:
            raise ValueError(f"--resolution: expected at least {LOWEST_RESOLUTION} points, got {resolution}")

    def _equation(self, problem: Problem) -> Equation:
        equation = EQUATIONS.get(problem.equation)
        if equation is None:
            raise ValueError(
                f"--simulate: no simulator of the surrogate's equation {problem.equation!r} (there are "
                f"{', '.join(EQUATIONS)}); give initial conditions by --initial FILE"
            )
        for name, found, expected in (
            ("axes", equation.dimension, problem.dimension),
            ("channels", equation.channels, problem.channels),
            ("parameters", sorted(equation.parameter_names), sorted(problem.parameters)),
            ("boundaries", (equation.boundary,) * equation.dimension, problem.boundaries),
        ):
            if found != expected:
                raise ValueError(
                    f"--simulate: the simulator of {equation.name} has {name} {found}, the surrogate {expected}; "
                    "give initial conditions by --initial FILE"
                )
        check_length(problem, (equation.length,) * equation.dimension, f"the simulator of {equation.name}")
        return equation
