"""The few trajectories of a new regime: checks, pairs of frames, and errors of rollouts."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.adaptation.posterior import Pairs
from cape.datasets.checks import check_grid, check_values
from cape.datasets.statistics import channel_statistics
from cape.datasets.trajectories import Trajectories
from cape.inference.resampling import in_time_steps, on_training_grid
from cape.surrogate import Surrogate

_MOST_ROLLOUTS = 16
_MOST_NUMBERS = 2**15  # of the frames of all pairs
_UNKNOWN = "unknown"


class Few(NamedTuple):
    """Trajectories of a new regime, in memory.

    Attributes:
        u: the frames of at most 16 of them, for rollouts.
        parameters: of these.
        values: the distinct parameter vectors of all of them.
        trajectories: number of all trajectories.
        pairs: consecutive frames, evenly spaced over all trajectories and times.
        replaces: the regime replaces the old one, see `adapt`.
        conserved: whether the mean over space of each channel stays the same in the old and the new data.
    """

    u: Float[np.ndarray, "trajectory time *space channel"]
    parameters: Float[np.ndarray, "trajectory parameter"]
    values: Float[np.ndarray, "value parameter"]
    trajectories: int
    replaces: bool
    pairs: Pairs
    conserved: tuple[bool, ...]

    def error(self, rollout: Callable[[Array, Array, int], Array]) -> float:
        """Return the mean nRMSE of rollouts from the first frames; infinity if one is not finite."""
        steps = self.u.shape[1] - 1
        found = np.asarray(
            rollout(jnp.asarray(self.u[:, 0]), jnp.asarray(self.parameters), steps), np.float64
        )
        axes = tuple(range(2, self.u.ndim))
        with np.errstate(all="ignore"):
            squares = ((found - self.u[:, 1:]) ** 2).mean(axes)
            sizes = np.maximum((self.u[:, 1:].astype(np.float64) ** 2).mean(axes), 1e-30)
            error = np.sqrt(squares / sizes).mean()
        return float(error) if np.isfinite(error) else np.inf

    @property
    def change(self) -> float:
        """Root mean square change of a step over that of the frames."""
        before, after = self.pairs.before, self.pairs.after
        return float(np.sqrt(((after - before) ** 2).mean() / max((before**2).mean(), 1e-30)))


def checked(surrogate: Surrogate, data: Trajectories) -> Trajectories:
    """Return trajectories on the surrogate's grid and with its time step, in memory.

    Raises:
        ValueError: they do not fit the surrogate, have fewer than two frames, or hold NaN or infinity.
    """
    problem = surrogate.problem
    if surrogate.window.history > 1 or surrogate.window.bundle > 1:
        raise ValueError(
            "surrogate: its steps take or give several frames; expected one with model.history = model.bundle = 1"
        )
    if surrogate.adaptation is not None:
        raise ValueError(
            "surrogate: already adapted; adapt the one that it came from, with the trajectories of both regimes"
        )
    if not data.samples or data.frames < 2:
        raise ValueError(
            f"{data.source}: expected at least one trajectory of at least two frames, got {data.samples} of "
            f"{data.frames}"
        )
    if _UNKNOWN not in (data.equation, problem.equation) and data.equation != problem.equation:
        raise ValueError(
            f"{data.source}: expected trajectories of the equation {problem.equation!r}, which the surrogate was "
            f"trained on, got {data.equation!r}"
        )
    data = in_time_steps(problem, on_training_grid(problem, data))
    if data.frames < 2:
        raise ValueError(
            f"{data.source}: ends before one time step of {problem.dt:g}; give longer trajectories"
        )
    if tuple(data.resolution) != problem.resolution:
        expected, found = (" x ".join(map(str, grid)) for grid in (problem.resolution, data.resolution))
        raise ValueError(
            f"{data.source}: expected the surrogate's grid of {expected} points, or a multiple of it, got {found}"
        )
    check_grid(data)
    return check_values({"data": data}, kept=("data",))["data"]


def read_few(surrogate: Surrogate, data: Trajectories, *, replaces: bool = False) -> Few:
    """Read checked trajectories."""
    problem, u = surrogate.problem, data.read()
    drift = channel_statistics(data).drift.tolist()
    conserved = dataclasses.replace(
        problem, channel_drift=tuple(map(max, problem.channel_drift, drift))
    ).conserved
    steps = u.shape[1] - 1
    count = data.samples * steps
    most = max(_MOST_NUMBERS // int(np.prod(u.shape[2:])), 1)
    chosen = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
    sample, time = chosen // steps, chosen % steps
    rolled = np.linspace(0, data.samples - 1, min(data.samples, _MOST_ROLLOUTS)).round().astype(int)
    p = data.parameters.astype(np.float32)
    return Few(
        u=u[rolled],
        parameters=p[rolled],
        values=np.unique(data.parameters, axis=0),
        trajectories=data.samples,
        replaces=replaces,
        pairs=Pairs(u[sample, time], u[sample, time + 1], p[sample]),
        conserved=conserved,
    )
