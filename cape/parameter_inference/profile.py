"""Profiles: how the misfit rises on both sides of the estimate of each parameter."""

import dataclasses

import numpy as np
from jaxtyping import Float

from cape.parameter_inference.minimise import refine
from cape.parameter_inference.misfit import Misfit

_LADDER = 3.0 ** -np.arange(8.0)  # distances from the estimate, in units of the range: 1 to 1/2187
_MOST_RESTARTS = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Profiles:
    """The misfit along a line through the estimate, for each trajectory and sought parameter.

    Along the line of a parameter, the other parameters move as the Gauss-Newton model says is best.

    Attributes:
        best: positions of the estimates.
        squares: r·r of each channel at the estimates.
        positions: of the parameter along its line, increasing; the estimate is among them.
        rise: r·r minus its lowest value, over all channels.
    """

    best: Float[np.ndarray, "trajectory sought"]
    squares: Float[np.ndarray, "trajectory observed"]
    positions: Float[np.ndarray, "trajectory sought point"]
    rise: Float[np.ndarray, "trajectory sought point"]


def profiles(misfit: Misfit, best: Float[np.ndarray, "trajectory sought"]) -> Profiles:
    """Compute the profiles. Where a line passes a lower misfit than the estimate, the search starts again from there.

    This also leaves the tiny local minima of a surrogate that is not smooth.
    """
    best, trajectories, sought = best.copy(), len(best), best.shape[1]
    rows = np.arange(trajectories)
    for restart in range(_MOST_RESTARTS + 1):
        squares = misfit.squares(best, rows)
        lowest = squares.sum(-1)
        lines = np.stack([_line(best, _directions(misfit, best, rows), i) for i in range(sought)], 1)
        points = lines.shape[2]
        found = misfit.squares(lines.reshape(-1, sought), np.repeat(rows, sought * points)).sum(-1)
        found = found.reshape(trajectories, sought * points)
        lower = found.min(1) < lowest * (1 - 1e-6)
        if not lower.any() or restart == _MOST_RESTARTS:
            break
        start = lines.reshape(trajectories, -1, sought)[rows, found.argmin(1)]
        refined, value = refine(misfit, start[lower], rows[lower])
        best[lower] = refined
    rise = np.maximum(found - lowest[:, None], 0.0).reshape(trajectories, sought, points)
    positions = np.stack([lines[:, i, :, i] for i in range(sought)], 1)
    return Profiles(best, squares, positions, rise)


def _directions(misfit: Misfit, best, rows) -> Float[np.ndarray, "trajectory sought sought"]:
    """Return for each parameter how all parameters move along its line, by 1 for the parameter itself."""
    sought = best.shape[1]
    if sought == 1:
        return np.ones((len(best), 1, 1))
    inverse = np.linalg.pinv(misfit.linearised(best, rows).curvature.sum(1), hermitian=True)
    diagonal = np.maximum(np.einsum("bii->bi", inverse), 1e-300)
    directions = np.swapaxes(inverse, 1, 2) / diagonal[:, :, None]
    directions[:, np.arange(sought), np.arange(sought)] = 1.0
    return directions


def _line(best, directions, i: int) -> Float[np.ndarray, "trajectory point sought"]:
    """Return the points of the line of parameter i, within the bounds."""
    steps = np.concatenate([-_LADDER, [0.0], _LADDER[::-1]])
    moved = np.clip(best[:, None, i] + steps, 0.0, 1.0) - best[:, None, i]
    return np.clip(best[:, None] + moved[..., None] * directions[:, None, i], 0.0, 1.0)
