"""Problem: what a surrogate is asked to solve, as plain data that travels with its weights."""

import dataclasses
import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from cape import config
from cape.datasets.trajectories import BOUNDARIES, Trajectories, check_names

_MOST_LISTED_VALUES = 256
_LARGEST_DRIFT = 5e-3  # of a channel's standard deviation: a mean that moves less is conserved


@dataclasses.dataclass(frozen=True)
class Problem:
    """Names, grid, time step, statistics and parameter range of the training data.

    Everything is a float, a string or a tuple of them, so a problem is hashable and goes to JSON as it is.

    Attributes:
        equation: name of the equation, as the files give it.
        channels: names of the fields, in channel order.
        parameters: names of the PDE parameters, in the order every parameter vector follows.
        boundaries: "periodic", "outgoing" or "wall", one per axis; its length is the dimension.
        resolution: grid points per axis during training.
        origin: coordinate of the first cell centre per axis.
        length: extent of the domain per axis (points times spacing).
        dt: time between two frames, i.e. the time one step of the surrogate advances.
        steps: the longest rollout seen in training.
        channel_mean, channel_std: statistics of the training fields, per channel.
        channel_low: the smallest value of each channel in the training fields; empty where nobody knows.
        channel_drift: root mean square, over trajectories and frames, of how far the mean over space of each channel is
            from where it started; empty where nobody knows.
        low, high: smallest and largest training value per parameter.
        values: the distinct training vectors, where they are few enough to list; else empty.
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

    @property
    def conserved(self) -> tuple[bool, ...]:
        """Which channels keep their mean over space, as far as the training data tell."""
        drifts = self.channel_drift or (math.inf,) * len(self.channels)
        return tuple(d <= _LARGEST_DRIFT * std for d, std in zip(drifts, self.channel_std, strict=True))

    @property
    def state(self) -> int:
        """How many of the last parameters are none but statistics of a frame, see `SampleNormalisation`."""
        return 0

    @property
    def dimension(self) -> int:
        return len(self.boundaries)

    @property
    def training_values(self) -> np.ndarray:
        """The training vectors [n, parameter], or the two ends of their range where they are too many to list."""
        return np.array(self.values or (self.low, self.high), np.float64)

    @property
    def ranges(self) -> tuple[str, ...]:
        """The trained range of every parameter, such as "Nu 0.002 to 2"."""
        bounds = zip(self.parameters, self.low, self.high, strict=True)
        return tuple(f"{name} {a:g}" if a == b else f"{name} {a:g} to {b:g}" for name, a, b in bounds)

    def outside(self, parameters: np.ndarray) -> tuple[str, ...]:
        """Describe every parameter of `parameters` [batch, parameter] that lies outside the trained range."""
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
        """Bring named or positional parameters to [batch, parameter] float32.

        Args:
            parameters: a mapping from every parameter name to a number or an array [batch], or an array
                [parameter] or [batch, parameter] in the order of `Problem.parameters`.
            batch: number of samples; single values are repeated for all of them.

        Raises:
            ValueError: a name is missing or unknown, or a shape does not fit.
        """
        expected = f"expected parameters {self.parameters} for {batch} sample(s)"
        if isinstance(parameters, Mapping):
            missing = [name for name in self.parameters if name not in parameters]
            unknown = [str(name) for name in parameters if name not in self.parameters]
            if missing or unknown:
                raise ValueError(
                    f"{expected}, got {tuple(parameters)}; missing: {', '.join(missing) or 'none'}, unknown: "
                    f"{', '.join(unknown) or 'none'}"
                )
            columns = [_numbers(parameters[name], f"{expected}: {name}") for name in self.parameters]
            for name, column in zip(self.parameters, columns, strict=True):
                if column.shape not in ((), (1,), (batch,)):
                    raise ValueError(
                        f"{expected}: {name} must be a number or [{batch}], got shape {column.shape}"
                    )
            columns = [jnp.broadcast_to(column.reshape(-1), (batch,)) for column in columns]
            return jnp.stack(columns, -1) if columns else jnp.zeros((batch, 0), jnp.float32)
        array = _numbers(parameters, f"expected parameters {self.parameters} by name or as an array")
        width = len(self.parameters)
        if array.shape == (width,):
            array = jnp.broadcast_to(array[None], (batch, width))
        if array.shape != (batch, width):
            raise ValueError(
                f"expected parameters ({batch}, {width}) in the order {self.parameters}, got {array.shape}"
            )
        return array

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
        """Describe training data; reads all of them, a few samples at a time.

        Raises:
            ValueError: no samples, one frame only, values that are not finite, or a channel that is constant.
        """
        mean, std, lowest, drift = _statistics(trajectories)
        flat = [name for name, s in zip(trajectories.channel_names, std, strict=True) if s == 0]
        if flat:
            raise ValueError(f"channel(s) {flat} are constant over all training data: leave them out")
        parameters = trajectories.parameters
        distinct = np.unique(parameters, axis=0)
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
            values=tuple(tuple(map(float, row)) for row in distinct)
            if len(distinct) <= _MOST_LISTED_VALUES
            else (),
        )

    @classmethod
    def from_dict(cls, data: Mapping) -> "Problem":
        """Rebuild a problem from what `dataclasses.asdict` and JSON made of it.

        Raises:
            ValueError: a key is missing, unknown, or of the wrong type, or the entries do not go together.
        """
        fields = {field.name for field in dataclasses.fields(cls)}
        if set(data) | {"channel_low", "channel_drift"} != fields:
            raise ValueError(f"problem: expected the keys {sorted(fields)}, got {sorted(data)}")
        problem = config.from_dict(cls, data, "problem")
        if not math.isfinite(problem.dt) or problem.dt <= 0:
            raise ValueError(f"problem: dt must be positive, got {problem.dt}")
        problem._check_together()
        return problem

    def _check_together(self) -> None:
        """Raise ValueError unless every entry has one part per axis, channel or parameter."""
        axes, channels, parameters = self.dimension, len(self.channels), len(self.parameters)
        expected = {"resolution": axes, "origin": axes, "length": axes, "low": parameters, "high": parameters}
        expected |= {"channel_mean": channels, "channel_std": channels}
        expected |= {name: channels for name in ("channel_low", "channel_drift") if getattr(self, name)}
        for name, count in expected.items():
            if len(getattr(self, name)) != count:
                raise ValueError(f"problem: expected {count} entries of {name}, got {getattr(self, name)}")
        for what, names in (("channels", self.channels), ("parameters", self.parameters)):
            check_names(names, f"problem: {what}")
        if self.steps < 1 or min(self.resolution, default=0) < 1:
            raise ValueError(
                f"problem: expected at least one step and one point per axis, got {self.steps} and {self.resolution}"
            )
        for vector in self.values:
            if len(vector) != parameters:
                raise ValueError(f"problem: expected values of {self.parameters}, got {vector}")
        for kind in self.boundaries:
            if kind not in BOUNDARIES:
                raise ValueError(f"problem: boundary {kind!r}, expected one of {BOUNDARIES}")
        if not all(math.isfinite(s) and s > 0 for s in (*self.channel_std, *self.length)):
            raise ValueError("problem: channel_std and length must be positive")


def _numbers(values, what: str) -> jax.Array:
    try:
        return jnp.asarray(values, jnp.float32)
    except (ValueError, TypeError):
        raise ValueError(f"{what}: expected numbers, got {values!r}") from None


def _statistics(trajectories: Trajectories, at_once: int = 64) -> tuple[np.ndarray, ...]:
    """Compute mean, standard deviation, smallest value and drift of the mean of each channel, see `Problem`."""
    if trajectories.samples == 0:
        raise ValueError("no training data: expected at least one sample")
    # relative to the first value and in float64: a large mean does not eat the digits of a small deviation
    first, total, squares, drifts, lowest, count = None, 0.0, 0.0, 0.0, np.inf, 0
    for start in range(0, trajectories.samples, at_once):
        fields = trajectories.read(np.arange(start, min(start + at_once, trajectories.samples)))
        values = fields.reshape(*fields.shape[:2], -1, fields.shape[-1]).astype(np.float64)
        first = values[0, 0, 0].copy() if first is None else first
        values -= first
        means = values.mean(2)  # [sample, time, channel]
        drifts = drifts + ((means - means[:, :1]) ** 2).mean(1).sum(0)
        values = values.reshape(-1, values.shape[-1])
        lowest = np.minimum(lowest, values.min(0))
        total, squares, count = total + values.sum(0), squares + (values**2).sum(0), count + len(values)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    return first + mean, std, first + lowest, np.sqrt(drifts / trajectories.samples)
