"""Minimise the misfit: a scan of the parameter range, then Levenberg-Marquardt steps from its best points."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import qmc

from cape.parameter_inference.misfit import Misfit

_SCAN_POINTS = {1: 33, 2: 48, 3: 96}
_MOST_SCAN_POINTS = 128
_MOST_STEPS = 30
_LARGEST_STEP = 0.25  # of the range of a parameter
_SMALLEST_STEP = 1e-5
_FLOOR = 1e-12  # of the curvature: directions without influence


@dataclasses.dataclass(frozen=True, eq=False)
class Minima:
    """Local minima of the misfit of each trajectory, best first.

    Attributes:
        x: positions.
        misfit: r·r over all channels; infinity where a trajectory has fewer minima.
    """

    x: Float[np.ndarray, "trajectory minimum sought"]
    misfit: Float[np.ndarray, "trajectory minimum"]


def minimise(misfit: Misfit, starts: int) -> Minima:
    """Find the minima of every trajectory: scan the range, then refine the `starts` best local minima of the scan."""
    count, sought = misfit.observation.trajectories, len(misfit.scale.sought)
    points = scan_points(sought)
    rows = np.repeat(np.arange(count), len(points))
    scanned = misfit.squares(np.tile(points, (count, 1)), rows).sum(-1).reshape(count, len(points))
    chosen = [_lowest(points, each, starts) for each in scanned]
    rows = np.repeat(np.arange(count), [len(each) for each in chosen])
    x, found = refine(misfit, np.concatenate([points[each] for each in chosen]), rows)
    positions, values = np.full((count, starts, sought), 0.5), np.full((count, starts), np.inf)
    for trajectory in range(count):
        mine = np.flatnonzero(rows == trajectory)
        mine = mine[np.argsort(found[mine])]
        positions[trajectory, : len(mine)], values[trajectory, : len(mine)] = x[mine], found[mine]
    return Minima(positions, values)


def scan_points(sought: int) -> Float[np.ndarray, "point sought"]:
    """Return the points at which the misfit is first computed: a grid of one parameter, a Sobol-like set of several."""
    count = _SCAN_POINTS.get(sought, _MOST_SCAN_POINTS)
    if sought == 1:
        return np.linspace(0.0, 1.0, count)[:, None]
    return qmc.Halton(sought, scramble=False).random(count + 1)[1:]


def refine(
    misfit: Misfit, x: Float[np.ndarray, "batch sought"], rows: Int[np.ndarray, " batch"]
) -> tuple[Float[np.ndarray, "batch sought"], Float[np.ndarray, " batch"]]:
    """Take Levenberg-Marquardt steps from each start, within the bounds; return positions and r·r.

    A step solves (JᵀJ + λ diag JᵀJ) Δx = −Jᵀr over the parameters that are not held by a bound. λ falls after a step
    that lowers the misfit, and rises otherwise.
    """
    x = x.copy()
    damping, active = np.full(len(x), 1e-3), np.arange(len(x))
    squares, gradient, curvature = _model(misfit, x, rows)
    for _ in range(_MOST_STEPS):
        step = _step(x[active], gradient[active], curvature[active], damping[active])
        trial = np.clip(x[active] + step, 0.0, 1.0)
        new_squares, new_gradient, new_curvature = _model(misfit, trial, rows[active])
        better = new_squares < squares[active]
        won = active[better]
        gain = np.where(better, squares[active] - new_squares, 0.0) / np.maximum(squares[active], 1e-300)
        x[won], squares[won] = trial[better], new_squares[better]
        gradient[won], curvature[won] = new_gradient[better], new_curvature[better]
        damping[active] = np.where(better, 0.2 * damping[active], 5.0 * damping[active])
        small = np.abs(step).max(1) < _SMALLEST_STEP
        done = small | (better & (gain < 1e-6)) | (damping[active] > 1e6)
        active = active[~done]
        if not len(active):
            break
    return x, squares


def _model(misfit: Misfit, x, rows):
    """Return r·r, Jᵀr and JᵀJ over all channels; a rollout that is not finite has no slope."""
    found = misfit.linearised(x, rows)
    squares, gradient = found.squares.sum(1), found.gradient.sum(1)
    curvature = found.curvature.sum(1)
    bad = ~(np.isfinite(squares) & np.isfinite(gradient).all(-1) & np.isfinite(curvature).all((-2, -1)))
    gradient[bad], curvature[bad] = 0.0, np.eye(x.shape[1])
    return np.where(bad, np.inf, squares), gradient, curvature


def _step(x, gradient, curvature, damping) -> Float[np.ndarray, "batch sought"]:
    """Solve for the step of the parameters that no bound holds; the others stay."""
    free: Bool[np.ndarray, "batch sought"] = ~(((x <= 0) & (gradient > 0)) | ((x >= 1) & (gradient < 0)))
    sought = x.shape[1]
    diagonal = np.einsum("bii->bi", curvature)
    floor = _FLOOR * np.maximum(diagonal.max(1, keepdims=True), 1e-300)
    damped = curvature + np.eye(sought) * (damping[:, None] * diagonal + floor)[:, :, None]
    masked = damped * free[:, :, None] * free[:, None, :] + np.eye(sought) * ~free[:, :, None]
    step = -np.linalg.solve(masked, (gradient * free)[..., None])[..., 0]
    longest = np.abs(step).max(1, keepdims=True)
    return step * np.minimum(1.0, _LARGEST_STEP / np.maximum(longest, 1e-300))


def _lowest(points, values, most: int) -> Int[np.ndarray, " start"]:
    """Return the numbers of the lowest local minima of a scan: points that are lower than their nearest neighbours."""
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    neighbours = np.argsort(distance, 1)[:, 1 : 1 + 2 * points.shape[1]]
    if points.shape[1] == 1:  # the two ends have one neighbour
        neighbours[0], neighbours[-1] = 1, len(points) - 2
    lower = (values[:, None] <= values[neighbours]).all(1) & np.isfinite(values)
    lower[int(np.argmin(values))] = True
    minima = np.flatnonzero(lower)
    return minima[np.argsort(values[minima])][:most]
