"""The description of an equation of the zoo: its grid, its parameter values, its initial conditions and its solver."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cape.datasets.arrays import from_arrays
from cape.datasets.trajectories import Trajectories

Values = Mapping[str, float]
Frames = Float[np.ndarray, "sample *space channel"]
TRAINED, VALIDATED, TESTED = 20, 2, 6  # initial conditions of each value
VERSION = 1  # of the data: raise it when a change of this folder changes them


def values(name: str, *numbers: float) -> tuple[Values, ...]:
    """Return values of a single parameter."""
    return tuple({name: number} for number in numbers)


@dataclasses.dataclass(frozen=True)
class ZooEquation:
    """One equation and the data that every contender gets.

    Attributes:
        name: short, for files and the command line.
        formula: the equation in Unicode, for tables.
        channels: names of the fields.
        points: grid points per axis.
        length: extent of every axis.
        dt: time between two frames.
        steps: number of steps of a trajectory.
        trained: parameter values that are trained on.
        interpolated, outside: values that are tested only, inside and outside the trained range.
        initial: (random generator, samples, points, length) -> initial conditions.
        solve: (initial conditions, values, equation) -> [sample, time, *space, channel], the initial frame included.
        boundary: "periodic" or "wall", on every axis.
        finer: points of the solver for each point that is kept, along every axis.
    """

    name: str
    formula: str
    channels: tuple[str, ...]
    points: tuple[int, ...]
    length: float
    dt: float
    steps: int
    trained: tuple[Values, ...]
    interpolated: tuple[Values, ...]
    outside: tuple[Values, ...]
    initial: Callable[[np.random.Generator, int, tuple[int, ...], float], Frames]
    solve: Callable[[Frames, Values, "ZooEquation"], np.ndarray]
    boundary: str = "periodic"
    finer: int = 1

    @property
    def times(self) -> np.ndarray:
        return self.dt * np.arange(self.steps + 1)

    def data(self, folder: Path, seed: int = 0) -> tuple[Trajectories, Trajectories, Trajectories]:
        """Return (training, validation, test). They are computed once and kept in `folder`.

        Every trained value has initial conditions of its own. All values share those of the test.

        Raises:
            ValueError: the solver returns values that are not finite; the message names the equation and the values.
        """
        settings = [self.name, VERSION, self.points, self.length, self.dt, self.steps, seed]
        settings += [self.trained, self.interpolated, self.outside, *([self.finer] if self.finer > 1 else [])]
        key = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:8]
        path = folder / f"{self.name}-{key}.npz"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            np.savez(path, **self._compute(seed))
        with np.load(path) as arrays:
            return tuple(self._trajectories(arrays, part) for part in ("training", "validation", "test"))

    def _compute(self, seed: int) -> dict[str, np.ndarray]:
        points = tuple(n * self.finer for n in self.points)
        shared = self.initial(np.random.default_rng([seed, 1]), TESTED, points, self.length)
        parts: dict[str, list] = {"training": [], "validation": [], "test": []}
        for number, values in enumerate((*self.trained, *self.interpolated, *self.outside)):
            if number < len(self.trained):
                rng = np.random.default_rng([seed, 2, number])
                u0 = self.initial(rng, TRAINED + VALIDATED, points, self.length)
                u = self._checked(u0, values)
                parts["training"].append((u[:TRAINED], values))
                parts["validation"].append((u[TRAINED:], values))
            parts["test"].append((self._checked(shared, values), values))
        arrays = {}
        for part, solved in parts.items():
            arrays[part] = np.concatenate([u for u, _ in solved])
            rows = [np.repeat([list(values.values())], len(u), 0) for u, values in solved]
            arrays[f"{part} parameters"] = np.concatenate(rows)
        return arrays

    def _checked(self, u0: Frames, values: Values) -> np.ndarray:
        u = np.asarray(self.solve(u0, values, self), np.float32)
        if not np.isfinite(u).all():
            named = ", ".join(f"{name} = {value:g}" for name, value in values.items())
            raise ValueError(f"{self.name}: the solver blew up at {named}; use a smaller time step or value")
        return u[(slice(None), slice(None), *(slice(None, None, self.finer) for _ in self.points))]

    def _trajectories(self, arrays: Mapping[str, np.ndarray], part: str) -> Trajectories:
        parameters = arrays[f"{part} parameters"].T
        return from_arrays(
            arrays[part],
            dict(zip(self.trained[0], parameters, strict=True)),
            times=self.times,
            dx=[self.length / n for n in self.points],
            channels=self.channels,
            boundaries=self.boundary,
        )
