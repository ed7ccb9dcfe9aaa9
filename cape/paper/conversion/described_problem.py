"""Descriptions of the problem that published weights were trained on, as weights do not contain it."""

import abc
import dataclasses
from collections.abc import Mapping

from cape.datasets.opening import open_files
from cape.paper.conversion.architecture import Architecture
from cape.problem import Problem


class ProblemDescription(abc.ABC):
    """Where the problem of published weights is described."""

    @property
    @abc.abstractmethod
    def parameter_order(self) -> tuple[str, ...]:
        """Names of the parameters in the order of the weights; empty if not given."""

    @abc.abstractmethod
    def problem(self, architecture: Architecture) -> Problem:
        """Return the problem.

        Raises:
            ValueError: something is missing, or the description contradicts itself.
        """


@dataclasses.dataclass(frozen=True)
class ProblemFromFiles(ProblemDescription):
    """The problem as described by the files of the training.

    Attributes:
        files: files or folders.
        space_stride: every n-th point of each axis was trained on; 0 takes the grid of a CAPE block, or all points.
        time_stride: every n-th frame was trained on.
        parameters: names of the parameters in the order of the weights; needed if there are several.
    """

    files: tuple[str, ...]
    space_stride: int = 0
    time_stride: int = 1
    parameters: tuple[str, ...] = ()

    @property
    def parameter_order(self) -> tuple[str, ...]:
        return self.parameters

    def problem(self, architecture: Architecture) -> Problem:
        """Open the files and describe their problem."""
        trajectories = open_files(list(self.files))
        stride = self.space_stride
        if not stride and architecture.resolution and trajectories.dimension == len(architecture.resolution):
            stride = max(trajectories.resolution[0] // architecture.resolution[0], 1)
        return Problem.of(trajectories.subsample(space=stride or 1, time=self.time_stride))


@dataclasses.dataclass(frozen=True)
class GivenProblem(ProblemDescription):
    """The problem as given by the user, without files.

    Attributes:
        parameters: the trained values of each parameter (two values are a range), in the order of the weights.
        channels: names of the fields, in order.
        dt: time between two frames.
        steps: steps of the longest rollout of the training.
        resolution: points per axis.
        origin: coordinate of the first point per axis. An FNO needs it, as it sees coordinates.
        length: extent per axis.
        equation: name of the equation.
        boundaries: one for all axes, or one per axis.
    """

    parameters: Mapping[str, tuple[float, ...]]
    channels: tuple[str, ...] = ("u",)
    dt: float = 0.0
    steps: int = 0
    resolution: tuple[int, ...] = ()
    origin: tuple[float, ...] = ()
    length: tuple[float, ...] = (1.0,)
    equation: str = "unknown"
    boundaries: tuple[str, ...] = ("periodic",)

    @property
    def parameter_order(self) -> tuple[str, ...]:
        return tuple(self.parameters)

    def problem(self, architecture: Architecture) -> Problem:
        """Complete the description with the sizes that the weights contain."""
        resolution = self.resolution or architecture.resolution
        self._check_complete(architecture, resolution)
        axes, values = architecture.dimension, tuple(self.parameters.values())
        half_cells = tuple(length / n / 2 for length, n in zip(self.length, resolution, strict=False))
        return Problem.from_dict(
            {
                "equation": self.equation,
                "channels": self.channels,
                "parameters": self.parameter_order,
                "boundaries": _per_axis(self.boundaries, axes),
                "resolution": _per_axis(resolution, axes),
                "origin": _per_axis(self.origin or half_cells, axes),
                "length": _per_axis(self.length, axes),
                "dt": self.dt,
                "steps": self.steps,
                "channel_mean": (0.0,) * len(self.channels),
                "channel_std": (1.0,) * len(self.channels),  # the published form does not normalise
                "low": tuple(map(min, values)),
                "high": tuple(map(max, values)),
                "values": tuple((v,) for v in sorted(values[0])) if len(values) == 1 else (),
            }
        )

    def _check_complete(self, architecture: Architecture, resolution: tuple[int, ...]) -> None:
        """Raise ValueError naming every value that is needed and was not given."""
        needed = {"dt": self.dt, "steps": self.steps, "resolution": resolution}
        if architecture.base.sees_position:
            # no default: the published grids are every n-th point of finer ones and do not start at half a cell
            needed["origin"] = self.origin
        if architecture.cape is not None or architecture.inputs > len(self.channels):
            needed["parameters"] = self.parameters and all(self.parameters.values())
        missing = [name for name, value in needed.items() if not value]
        if missing:
            raise ValueError(
                f"the weights do not contain {', '.join(missing)}: give them, or the data files of the training"
            )


def _per_axis(given: tuple, axes: int) -> tuple:
    """Repeat a single entry for every axis."""
    return given * axes if len(given) == 1 else given
