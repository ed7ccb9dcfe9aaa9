"""The frames that an identification looks at."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cape.datasets.trajectories import Trajectories
from cape.problem import Problem

_MOST_BYTES = 2**28  # read
_MOST_VALUES = 48
_POINTS = 8192  # of all drawn samples together
_FEWEST_DRAWN, _FEWEST_OF_VALUE = 24, 3


class Samples(NamedTuple):
    """Trajectories for the identification, all channels of standard deviation 1.

    Attributes:
        u: the frames.
        values: the distinct parameter vectors, over the largest trained magnitudes.
        value: number of the parameter vector of each sample.
    """

    u: Float[np.ndarray, "sample time *space channel"]
    values: Float[np.ndarray, "value parameter"]
    value: Int[np.ndarray, " sample"]

    def draw(
        self, length: int
    ) -> tuple[
        Float[np.ndarray, "drawn length *space channel"],
        Int[np.ndarray, " drawn"],
        Float[np.ndarray, " drawn"],
    ]:
        """Return consecutive frames, the number of their value, and a weight.

        Each value has the same number of draws. Times at which fields change much are drawn more often, so that the
        first steps of a decay are among them. The weight is one over the root mean square change of a step among the
        draws of the value.
        """
        count = max(
            _FEWEST_DRAWN, _POINTS // int(np.prod(self.u.shape[2:])), _FEWEST_OF_VALUE * len(self.values)
        )
        random, each = np.random.default_rng(0), -(-count // len(self.values))
        frames, weights = [], []
        for number in range(len(self.values)):
            members = np.flatnonzero(self.value == number)
            change = (np.diff(self.u[members], axis=1) ** 2).mean((0, *range(2, self.u.ndim)))  # of each step
            change = np.convolve(change, np.ones(length - 1), "valid")
            likely = 0.5 / len(change) + 0.5 * change / max(change.sum(), 1e-30)
            start = random.choice(len(change), each, p=likely / likely.sum())
            drawn = self.u[random.choice(members, each)[:, None], start[:, None] + np.arange(length)]
            frames.append(drawn)
            weights.append(1 / max(np.sqrt((np.diff(drawn, axis=1) ** 2).mean()), 1e-6))
        return np.concatenate(frames), np.repeat(np.arange(len(frames)), each), np.repeat(weights, each)


def read_samples(trajectories: Trajectories, problem: Problem) -> Samples:
    """Read samples, the same number of each parameter value, or of as many values as the memory allows."""
    largest = np.abs(problem.scale).max(0)
    scaled = trajectories.parameters / np.where(largest == 0, 1.0, largest)
    values, value = np.unique(scaled, axis=0, return_inverse=True)
    value = value.reshape(-1)
    points = int(np.prod(problem.resolution)) * len(problem.channels)
    most = max(_MOST_BYTES // (8 * trajectories.frames * points), 1)
    chosen = np.unique(
        np.linspace(0, len(values) - 1, min(len(values), _MOST_VALUES, most)).round().astype(int)
    )
    each = max(most // len(chosen), 1)
    numbers = np.concatenate([np.flatnonzero(value == v)[:each] for v in chosen])
    u = trajectories.read(numbers).astype(np.float64) / np.asarray(problem.channel_std)
    return Samples(u, values[chosen], np.searchsorted(chosen, value[numbers]))
