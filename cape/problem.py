"""Problem: the description of the training data that is saved with the weights of a surrogate."""

import dataclasses
import math
from collections.abc import Mapping

import jax
import numpy as np

from cape import config
from cape.datasets.boundaries import BOUNDARIES
from cape.datasets.names import check_names
from cape.datasets.statistics import channel_statistics
from cape.datasets.trajectories import Trajectories
from cape.model.parameter_array import parameter_array
from cape.solvers.solver import Domain

MOST_LISTED_VALUES = 256
_MOST_POINTS = 2**20  # of an axis
_SAME_TIME_STEP = 1e-3  # relative difference
_MAY_LACK = {"channel_low", "channel_drift", "scale_low", "scale_high"}  # in saved problems
_LARGEST_DRIFT = 5e-3  # of a channel's standard deviation: a mean that moves less is conserved
_WIDE_RANGE = 5.0  # largest over smallest value from which an axis is logarithmic


@dataclasses.dataclass(frozen=True)
class Problem:
    """Names, grid, time step, statistics and parameter range of the training data.

    Every attribute is a float, an integer, a string or a tuple of them. So a problem is hashable and can be saved as
    JSON.

    Attributes:
        equation: name of the equation in the files.
        channels: names of the fields, in channel order.
        parameters: names of the PDE parameters, in the order of every parameter vector.
        boundaries: "periodic", "outgoing" or "wall", one per axis.
        resolution: grid points per axis during training.
        origin: coordinate of the first cell centre per axis.
        length: extent of the domain per axis (points times spacing).
        dt: time between two frames.
        steps: number of steps of the longest training trajectory.
        channel_mean, channel_std: mean and standard deviation of each channel over all training data.
        channel_low: smallest value of each channel in the training data, or empty if unknown.
        channel_drift: root mean square over trajectories and frames of the change, since the first frame, of the mean
            over space of each channel; empty if unknown.
        low, high: smallest and largest training value of each parameter.
        values: the distinct training vectors, or empty if there are more than 256.
        scale_low, scale_high: the range by which the model scales each parameter, if it is not from `low` to `high`: a
            surrogate that was trained on further data keeps the one that it was first trained with.
    """

    equation: str
    channels: tuple[str, ...]
    parameters: tuple[str, ...]
    boundaries: tuple[str, ...]
    resolution: tuple[int, ...]
    origin: tuple[float, ...]
    length: tuple[float, ...]
    dt: float
    steps: int
    channel_mean: tuple[float, ...]
    channel_std: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    values: tuple[tuple[float, ...], ...] = ()
    channel_low: tuple[float, ...] = ()
    channel_drift: tuple[float, ...] = ()
    scale_low: tuple[float, ...] = ()
    scale_high: tuple[float, ...] = ()

    @property
    def conserved(self) -> tuple[bool, ...]:
        """Whether the mean over space of each channel stays the same in all training trajectories."""
        drifts = self.channel_drift or (math.inf,) * len(self.channels)
        return tuple(d <= _LARGEST_DRIFT * std for d, std in zip(drifts, self.channel_std, strict=True))

    @property
    def scale(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The lower and the upper end of the range by which the model scales each parameter."""
        return self.scale_low or self.low, self.scale_high or self.high

    @property
    def frame_statistics(self) -> int:
        """How many of the last parameters are statistics of a frame and not PDE parameters: none."""
        return 0

    @property
    def dimension(self) -> int:
        return len(self.boundaries)

    @property
    def domain(self) -> Domain:
        """The box and the grid that a base solver is built for."""
        return Domain(self.boundaries, self.resolution, self.origin, self.length)

    @property
    def training_values(self) -> np.ndarray:
        """The training vectors [n, parameter], or the two ends of their range if they are too many to list."""
        return np.array(self.values or (self.low, self.high), np.float64)

    @property
    def ranges(self) -> tuple[str, ...]:
        """The trained range of each parameter as text, such as "Nu 0.002 to 2"."""
        bounds = zip(self.parameters, self.low, self.high, strict=True)
        return tuple(f"{name} {a:g}" if a == b else f"{name} {a:g} to {b:g}" for name, a, b in bounds)

    def has_time_step(self, dt: float) -> bool:
        """Return whether `dt` equals the time step, to a relative 1e-3."""
        return abs(dt - self.dt) <= _SAME_TIME_STEP * self.dt

    def outside(self, parameters: np.ndarray) -> tuple[str, ...]:
        """Describe each parameter of `parameters` [batch, parameter] that lies outside its trained range."""
        described = []
        for i, name in enumerate(self.parameters):
            tolerance = 1e-6 * max(abs(self.low[i]), abs(self.high[i]))
            values = parameters[:, i].astype(np.float64)
            values = values[(values < self.low[i] - tolerance) | (values > self.high[i] + tolerance)]
            if values.size:
                smallest, largest = values.min(), values.max()
                asked = f"{smallest:g}" if smallest == largest else f"{smallest:g} to {largest:g}"
                described.append(f"{name} = {asked} (trained on {self.low[i]:g} to {self.high[i]:g})")
        return tuple(described)

    def parameter_array(self, parameters, batch: int) -> jax.Array:
        """Convert named or positional parameters to an array [batch, parameter], float32 (see `parameter_array`)."""
        return parameter_array(self.parameters, parameters, batch)

    def check_state(self, u) -> None:
        """Raise ValueError unless `u` is [batch, *space, channel] with this problem's dimension and channels."""
        expected = f"expected u [batch, {self.dimension} space axes, {len(self.channels)} channel(s) {self.channels}]"
        if u.ndim != self.dimension + 2 or u.shape[-1] != len(self.channels) or 0 in u.shape:
            raise ValueError(f"{expected}, got shape {tuple(u.shape)}")

    def check_trajectories(self, trajectories: Trajectories) -> None:
        """Raise ValueError unless trajectories have this problem's channels, parameters and boundaries, in order."""
        for name, found, expected in (
            ("channels", trajectories.channel_names, self.channels),
            ("parameters", trajectories.parameter_names, self.parameters),
            ("boundaries", trajectories.boundaries, self.boundaries),
        ):
            if tuple(found) != tuple(expected):
                raise ValueError(f"{trajectories.source}: expected {name} {expected}, got {tuple(found)}")

    @classmethod
    def of(cls, trajectories: Trajectories) -> "Problem":
        """Describe training data. Reads all of the data, a few samples at a time.

        Raises:
            ValueError: the data have no samples or one frame only, a value is not finite, or a channel is constant.
        """
        mean, std, lowest, drift = channel_statistics(trajectories)
        flat = [name for name, s in zip(trajectories.channel_names, std, strict=True) if s == 0]
        if flat:
            raise ValueError(f"channel(s) {flat} are constant over all training data; leave them out")
        parameters = trajectories.parameters
        distinct = np.unique(parameters, axis=0)
        listed = distinct if len(distinct) <= MOST_LISTED_VALUES else ()
        return cls(
            equation=trajectories.equation,
            channels=tuple(trajectories.channel_names),
            parameters=tuple(trajectories.parameter_names),
            boundaries=tuple(trajectories.boundaries),
            resolution=tuple(int(n) for n in trajectories.resolution),
            origin=tuple(float(x[0]) for x in trajectories.coordinates),
            length=trajectories.lengths,
            dt=float(trajectories.dt),
            steps=int(trajectories.frames) - 1,
            channel_mean=tuple(map(float, mean)),
            channel_std=tuple(map(float, std)),
            channel_low=tuple(map(float, lowest)),
            channel_drift=tuple(map(float, drift)),
            low=tuple(map(float, parameters.min(0))),
            high=tuple(map(float, parameters.max(0))),
            values=tuple(tuple(map(float, row)) for row in listed),
        )

    @classmethod
    def from_dict(cls, data: Mapping) -> "Problem":
        """Rebuild a problem from a dictionary made by `dataclasses.asdict` and JSON.

        Raises:
            ValueError: a key is missing or unknown, a value has the wrong type, or lengths do not agree.
        """
        fields = {field.name for field in dataclasses.fields(cls)}
        if set(data) | _MAY_LACK != fields:
            raise ValueError(f"problem: expected the keys {sorted(fields)}, got {sorted(data)}")
        problem = config.from_dict(cls, data, "problem")
        if not math.isfinite(problem.dt) or problem.dt <= 0:
            raise ValueError(f"problem: dt must be positive, got {problem.dt}")
        problem._check_consistent()
        return problem

    def _check_consistent(self) -> None:
        """Raise ValueError unless every entry has one value per axis, channel or parameter, in its range."""
        axes, channels, parameters = self.dimension, len(self.channels), len(self.parameters)
        counts = {"resolution": axes, "origin": axes, "length": axes, "low": parameters, "high": parameters}
        counts |= {"channel_mean": channels, "channel_std": channels}
        counts |= {name: channels for name in ("channel_low", "channel_drift") if getattr(self, name)}
        counts |= {
            name: parameters for name in ("scale_low", "scale_high") if self.scale_low or self.scale_high
        }
        for name, count in counts.items():
            if len(getattr(self, name)) != count:
                raise ValueError(f"problem: expected {count} entries of {name}, got {getattr(self, name)}")
        for what, names in (("channels", self.channels), ("parameters", self.parameters)):
            check_names(names, f"problem: {what}")
        if not self.equation.isprintable():
            raise ValueError(f"problem: equation {self.equation!r} is not printable")
        if self.steps < 1 or not all(1 <= n <= _MOST_POINTS for n in self.resolution or (0,)):
            expected = f"at least one step and 1 to {_MOST_POINTS} points per axis"
            raise ValueError(f"problem: expected {expected}, got {self.steps} and {self.resolution}")
        for vector in self.values:
            if len(vector) != parameters:
                raise ValueError(f"problem: expected values of {self.parameters}, got {vector}")
        for boundary in self.boundaries:
            if boundary not in BOUNDARIES:
                raise ValueError(f"problem: boundary {boundary!r}, expected one of {BOUNDARIES}")
        if not all(math.isfinite(s) and s > 0 for s in (*self.channel_std, *self.length)):
            raise ValueError("problem: channel_std and length must be positive")
        ranges = (*self.low, *self.high, *self.scale_low, *self.scale_high)
        if not all(map(math.isfinite, (*self.channel_mean, *self.origin, *ranges))):
            raise ValueError("problem: low and high, channel_mean and origin must be finite")


def is_logarithmic(low: float, high: float) -> bool:
    """Return whether a range of values has a logarithmic axis: positive, with ends a factor of 5 apart."""
    return low > 0 and high >= _WIDE_RANGE * low
