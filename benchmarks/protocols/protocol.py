"""The description of a public protocol: its grid, its parameter ranges, its simulator and the published errors."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cape.datasets.arrays import from_arrays
from cape.datasets.trajectories import Trajectories

Frames = Float[np.ndarray, "sample *space channel"]
Columns = Mapping[str, Float[np.ndarray, " sample"]]
Values = Float[np.ndarray, "value parameter"]
AT_ONCE = 8  # samples that are solved together
VERSION = 1  # of the data: raise it when a change of this folder changes them


@dataclasses.dataclass(frozen=True)
class Kind:
    """One set of parameter values that is tested, and the best published error on it.

    Attributes:
        values: one row for each value.
        published: the best published relative L2 error; None if there is none.
        limit: the largest ratio to the published error that is aimed at.
    """

    values: Values
    published: float | None
    limit: float = 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class Protocol:
    """One equation in the published ranges, and the data that every contender gets.

    Attributes:
        name: short, for files and the command line.
        formula: the equation in Unicode, for tables.
        parameters: their names.
        channels: names of the fields. The error is measured on the first one.
        points: grid points per axis.
        length: extent of every axis.
        times: of the frames, the initial one included.
        trained: parameter values that are trained on, one row each.
        samples: trajectories of each of them, for the training. Every fourth value has one more, for the validation.
        kinds: what is tested, by name.
        tested: trajectories of each tested value.
        initial: (random generator, samples, points, length) -> initial conditions.
        solve: (initial conditions, values by name, times, length) -> frames of every sample.
        published_samples: trajectories that the published models were trained on.
        boundary: "periodic" or "wall", on every axis.
        finer: points of the simulator for each point that is kept, along every axis.
        epochs: of the training; 0: chosen for the size of the data.
        position_channels: whether the base solver sees the position, as it must under a force that depends on it.
    """

    name: str
    formula: str
    parameters: tuple[str, ...]
    channels: tuple[str, ...]
    points: tuple[int, ...]
    length: float
    times: Float[np.ndarray, " time"]
    trained: Values
    samples: int
    kinds: Mapping[str, Kind]
    tested: int
    initial: Callable[[np.random.Generator, int, tuple[int, ...], float], Frames]
    solve: Callable[[Frames, Columns, Float[np.ndarray, " time"], float], np.ndarray]
    published_samples: int
    boundary: str = "periodic"
    finer: int = 1
    epochs: int = 0
    position_channels: bool = False

    def training(self, folder: Path) -> tuple[Trajectories, Trajectories]:
        """Return the data of the training and of its validation, which has one trajectory of every fourth value."""
        training = self._kept(folder, "training", self.trained, self.samples)
        validation = self._kept(folder, "validation", self.trained[::4], 1)
        return self._trajectories(*training), self._trajectories(*validation)

    def test(self, folder: Path, kind: str) -> Trajectories:
        """Return the trajectories of one kind of values."""
        return self._trajectories(*self._kept(folder, kind, self.kinds[kind].values, self.tested))

    def _kept(self, folder: Path, part: str, values: Values, each: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the frames and parameters of a part; they are simulated once and kept in `folder`."""
        settings = [self.name, VERSION, part, self.points, self.length, self.times.tolist(), self.finer]
        settings += [np.asarray(values).tolist(), each]
        key = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]
        path = folder / f"{self.name}-{part.replace(' ', '-')}-{key[:8]}.npz"
        if not path.exists():
            u, rows = self._simulated(np.random.default_rng(int(key, 16)), np.repeat(values, each, 0))
            folder.mkdir(parents=True, exist_ok=True)
            np.savez(path, u=u, rows=rows)
        with np.load(path) as arrays:
            return arrays["u"], arrays["rows"]

    def _simulated(self, rng: np.random.Generator, rows: Values) -> tuple[np.ndarray, np.ndarray]:
        points = tuple(n * self.finer for n in self.points)
        kept = (slice(None), slice(None), *(slice(None, None, self.finer) for _ in self.points))
        u0 = self.initial(rng, len(rows), points, self.length)
        frames = []
        for start in range(0, len(rows), AT_ONCE):
            chosen = slice(start, start + AT_ONCE)
            columns = dict(zip(self.parameters, rows[chosen].T, strict=True))
            u = np.asarray(self.solve(u0[chosen], columns, self.times, self.length)[kept], np.float32)
            if not np.isfinite(u).all():
                raise ValueError(
                    f"{self.name}: the simulator blew up at values among {rows[chosen].tolist()}; "
                    "use a shorter time step"
                )
            frames.append(u)
        return np.concatenate(frames), rows

    def _trajectories(self, u: np.ndarray, rows: np.ndarray) -> Trajectories:
        return from_arrays(
            u,
            dict(zip(self.parameters, rows.T, strict=True)),
            times=self.times,
            dx=[self.length / n for n in self.points],
            channels=self.channels,
            boundaries=self.boundary,
        )


def drawn(seed: int, count: int, *ranges: Sequence[float]) -> Values:
    """Draw values uniformly in the ranges of all parameters; return them in the order of the first parameter."""
    low, high = np.array(ranges, np.float64).T
    values = np.random.default_rng(seed).uniform(low, high, (count, len(ranges)))
    return values[np.argsort(values[:, 0])]


def relative_l2(prediction: np.ndarray, truth: np.ndarray) -> Float[np.ndarray, " sample"]:
    """Return ‖prediction − truth‖ / ‖truth‖ of every sample, over all frames and points."""
    axes = tuple(range(1, truth.ndim))
    return np.sqrt(((prediction - truth) ** 2).sum(axes) / (truth**2).sum(axes))
