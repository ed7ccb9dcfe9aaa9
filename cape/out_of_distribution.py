"""Novelty: in what a question put to a surrogate lies outside all that it has seen in training."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cape.problem import Problem


class Unseen(UserWarning):
    """A surrogate is asked for something unlike its training data; the parent of the warnings below."""


class OutsideTrainedRange(Unseen):
    """A parameter value lies outside the range the surrogate was trained on."""


class OtherResolution(Unseen):
    """The grid is coarser or finer than in training."""


class LongerThanTrained(Unseen):
    """The rollout is longer than any in training."""


class OtherTimeStep(Unseen):
    """The frames given are not one step of the surrogate apart."""


Novelty = tuple[type[Unseen], str]


def novelties(
    problem: Problem,
    parameters: Float[np.ndarray, "batch parameter"],
    resolution: Sequence[int],
    steps: int,
    finest: float,
    trained_steps: int,
) -> list[Novelty]:
    """Say in what a rollout leaves the training data: (category, one line) each, and nothing where it does not.

    Args:
        finest: grids up to this many times finer than in training go without mention.
        trained_steps: the longest rollout of the training.
    """
    found: list[Novelty] = []
    outside = problem.outside(np.asarray(parameters))
    if outside:
        found.append((OutsideTrainedRange, f"{'; '.join(outside)}: the surrogate extrapolates"))
    ratios = [n / trained for n, trained in zip(resolution, problem.resolution, strict=True)]
    if min(ratios) < 1 or max(ratios) > finest:
        found.append((OtherResolution, _grid(problem, resolution, ratios)))
    if steps > trained_steps:
        longest = f"{steps} steps (trained on up to {trained_steps})"
        found.append((LongerThanTrained, f"{longest}: errors add up for longer than training has shown"))
    return found


def other_time_step(problem: Problem, dt: float, source: str) -> list[Novelty]:
    """Say that frames given are `dt` apart and those predicted are not, where that is so."""
    if abs(dt - problem.dt) <= 1e-3 * problem.dt:
        return []
    text = f"{source}: frames {dt:.4g} apart; those predicted are {problem.dt:.4g} apart, one step of the surrogate"
    return [(OtherTimeStep, text)]


def _grid(problem: Problem, resolution: Sequence[int], ratios: list[float]) -> str:
    found, trained = (" x ".join(map(str, sizes)) for sizes in (resolution, problem.resolution))
    where = f" along {len(ratios)} axes" if len(ratios) > 1 else ""
    if len(set(ratios)) > 1:
        how = "another shape of cells than in training"
    elif ratios[0] > 1:
        how = f"{ratios[0]:.3g} times finer than in training{where}"
    else:
        how = f"{1 / ratios[0]:.3g} times coarser than in training{where}: what is smaller is lost"
    return f"a grid of {found} points (trained on {trained}): {how}"
