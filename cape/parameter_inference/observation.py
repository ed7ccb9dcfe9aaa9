"""Observations: trajectories whose parameters are sought, and which of their frames, points and channels are used."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from cape.datasets.trajectories import Trajectories
from cape.inference.resampling import check_length, in_time_steps
from cape.parameter_inference.interpolation import axis_matrix
from cape.problem import Problem
from cape.registry import nearest
from cape.window import Window

Matrices = tuple[np.ndarray | None, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Observation:
    """Observed trajectories, reduced to what is used.

    Attributes:
        first: the frames that rollouts start from, at the observed points, in physical units.
        target: the frames that rollouts are compared with, at the observed points and channels.
        steps: length of the rollouts.
        frames: numbers of the compared frames among the predicted ones; 0 is the first frame after `first`.
        channels: numbers of the compared channels.
        to_grid: for each axis the matrix from the observed points to the surrogate's grid, or None if they are equal.
        to_points: for each axis the matrix from the surrogate's grid to the observed points, or None.
        exact_start: `first` is known exactly, at all points of the surrogate's grid.
        source: where the frames come from, for messages.
    """

    first: Float[np.ndarray, "trajectory history *start channel"]
    target: Float[np.ndarray, "trajectory time *points observed"]
    steps: int
    frames: tuple[int, ...]
    channels: tuple[int, ...]
    to_grid: Matrices
    to_points: Matrices
    exact_start: bool
    source: str

    @property
    def trajectories(self) -> int:
        return len(self.target)


@dataclasses.dataclass(frozen=True)
class Selection:
    """Which part of the frames is observed.

    Attributes:
        frames: numbers of the frames that are compared, 0 for the first of the file; None: all. The first frame (the
            first frames, if a step takes several) is where the rollout starts, and is always needed.
        points_every: only every n-th point along each axis is observed, in the first frame as well.
        channels: names of the channels that are compared; None: all. The first frame needs all channels.
    """

    frames: Sequence[int] | None = None
    points_every: int = 1
    channels: Sequence[str] | None = None

    def of(
        self,
        problem: Problem,
        window: Window,
        frames: Trajectories | Float[ArrayLike, "..."],
        initial: Float[ArrayLike, "..."] | None = None,
    ) -> Observation:
        """Take the observed part of trajectories.

        Args:
            problem: the surrogate's problem.
            window: how many frames a step of the surrogate takes.
            frames: trajectories, or an array [time, *space, channel] or [trajectory, time, *space, channel] whose
                frames are one step of the surrogate apart.
            initial: the exact first frames on the surrogate's grid, [trajectory, *space, channel], with an axis
                `history` after the first if a step takes several. None: those of `frames` at the observed points.

        Raises:
            ValueError: the frames do not fit the surrogate, hold NaN, or are fewer than two; or the selection does not
                fit the frames.
        """
        u, source = _fields(problem, frames)
        history = window.history
        if u.shape[1] <= history:
            raise ValueError(
                f"{source}: expected at least {history + 1} frames, {history} to start from and one to compare with, "
                f"got {u.shape[1]}"
            )
        if not np.isfinite(u).all():
            trajectory = int((~np.isfinite(u)).any(axis=tuple(range(1, u.ndim))).argmax())
            raise ValueError(
                f"{source}: NaN or infinity in trajectory {trajectory}; leave incomplete frames, points or channels "
                "out (frames_observed, points_every, channels)"
            )
        numbers = self._frame_numbers(u.shape[1], history, source)
        channels = self._channel_numbers(problem)
        u, positions = self._points(u, problem, source)
        first, exact = u[:, :history], initial is not None
        if initial is not None:
            first = _exact_start(problem, history, initial, len(u))
        grid = [(np.arange(n) + 0.5) / n for n in problem.resolution]
        to_grid, to_points = _matrices(positions, grid, problem.boundaries)
        return Observation(
            first=first,
            target=u[:, [n + history for n in numbers]][..., list(channels)],
            steps=max(numbers) + 1,
            frames=numbers,
            channels=channels,
            to_grid=(None,) * len(grid) if exact else to_grid,
            to_points=to_points,
            exact_start=exact,
            source=source,
        )

    def _frame_numbers(self, found: int, history: int, source: str) -> tuple[int, ...]:
        """Return the numbers of the compared frames among the predicted ones."""
        if self.frames is None:
            return tuple(range(found - history))
        numbers = sorted({int(n) for n in self.frames})
        if not all(0 <= n < found for n in numbers):
            raise ValueError(
                f"frames_observed: expected numbers from 0 to {found - 1} of the frames of {source}, got {numbers}"
            )
        later = tuple(n - history for n in numbers if n >= history)
        if not later:
            raise ValueError(
                f"frames_observed: expected at least one frame after the first {history}, got {numbers}"
            )
        return later

    def _channel_numbers(self, problem: Problem) -> tuple[int, ...]:
        if self.channels is None:
            return tuple(range(len(problem.channels)))
        if not self.channels:
            raise ValueError(f"channels: expected at least one of {problem.channels}, got none")
        for name in self.channels:
            if name not in problem.channels:
                raise ValueError(
                    f"channels: the surrogate has no channel {name!r}; {nearest(name, problem.channels)}"
                )
        return tuple(i for i, name in enumerate(problem.channels) if name in self.channels)

    def _points(self, u: np.ndarray, problem: Problem, source: str) -> tuple[np.ndarray, list[np.ndarray]]:
        """Take every n-th point; return the fields and the positions of the points on each axis."""
        every = self.points_every
        if not isinstance(every, int | np.integer) or every < 1:
            raise ValueError(f"points_every: expected a whole number of at least 1, got {every!r}")
        positions = []
        for axis, (n, boundary) in enumerate(zip(u.shape[2:-1], problem.boundaries, strict=True)):
            if every >= n or (boundary == "periodic" and n % every):
                raise ValueError(
                    f"points_every: expected a divisor of the {n} points of axis {axis} of {source}, got {every}"
                )
            positions.append((np.arange(0, n, every) + 0.5) / n)
        chosen = (slice(None), slice(None), *(slice(None, None, every),) * len(positions))
        return u[chosen], positions


def _fields(
    problem: Problem, frames: Trajectories | Float[ArrayLike, "..."]
) -> tuple[Float[np.ndarray, "trajectory time *space channel"], str]:
    """Return the fields at the time step of the surrogate, on its grid if theirs is a multiple of it."""
    if isinstance(frames, Trajectories):
        _check_names(problem, frames)
        check_length(problem, frames.lengths, frames.source)
        if frames.frames < 2:
            raise ValueError(
                f"{frames.source}: expected at least two frames, a first one and one to compare with, got 1"
            )
        frames = in_time_steps(problem, frames)
        u, source = frames.read(), frames.source
    else:
        u, source = np.asarray(frames, np.float32), "frames"
        u = u[None] if u.ndim == problem.dimension + 2 else u
        if u.ndim != problem.dimension + 3 or u.shape[-1] != len(problem.channels) or 0 in u.shape:
            raise ValueError(
                f"frames: expected [trajectory, time, {problem.dimension} space axes, {len(problem.channels)} "
                f"channel(s) {problem.channels}], got shape {np.shape(frames)}"
            )
    ratios = {divmod(n, m) for n, m in zip(u.shape[2:-1], problem.resolution, strict=True)}
    ratio, rest = ratios.pop()
    if not ratios and not rest and ratio > 1:
        u = u[(slice(None), slice(None), *(slice(None, None, ratio),) * problem.dimension)]
    return u, source


def _check_names(problem: Problem, frames: Trajectories) -> None:
    """Raise ValueError unless trajectories are of the surrogate's equation; they may lack parameters."""
    known = frames.equation != "unknown" and problem.equation != "unknown"
    found = [("channels", frames.channel_names, problem.channels)]
    found += [("boundaries", frames.boundaries, problem.boundaries)]
    if known:
        found.insert(0, ("equation", (frames.equation,), (problem.equation,)))
    if frames.parameter_names:
        found.append(("parameters (or none)", frames.parameter_names, problem.parameters))
    for name, got, expected in found:
        if tuple(got) != tuple(expected):
            raise ValueError(
                f"{frames.source}: expected {name} {', '.join(expected)} of the surrogate, got {', '.join(got)}; "
                "choose the surrogate of the equation that was observed, or give the names it has"
            )


def _exact_start(
    problem: Problem, history: int, initial: Float[ArrayLike, "..."], trajectories: int
) -> Float[np.ndarray, "trajectory history *space channel"]:
    first = np.asarray(initial, np.float32)
    expected = (trajectories, history, *problem.resolution, len(problem.channels))
    if history == 1 and first.shape == (trajectories, *expected[2:]):
        first = first[:, None]
    if first.shape != expected:
        raise ValueError(f"initial: expected the first frames {expected}, got shape {first.shape}")
    if not np.isfinite(first).all():
        raise ValueError("initial: expected finite first frames, got NaN or infinity")
    return first


def _matrices(
    positions: Sequence[np.ndarray], grid: Sequence[np.ndarray], boundaries: tuple[str, ...]
) -> tuple[Matrices, Matrices]:
    """Return the matrices (to the grid, to the points) of each axis."""
    to_grid: list[np.ndarray | None] = []
    to_points: list[np.ndarray | None] = []
    for points, cells, boundary in zip(positions, grid, boundaries, strict=True):
        same = len(points) == len(cells) and np.allclose(points, cells)
        periodic = boundary == "periodic"
        to_grid.append(None if same else axis_matrix(points, cells, periodic))
        to_points.append(None if same else axis_matrix(cells, points, periodic))
    return tuple(to_grid), tuple(to_points)
