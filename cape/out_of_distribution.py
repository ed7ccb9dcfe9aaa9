"""Warnings for rollouts outside the training data: parameter values, grids, lengths and time steps."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cape.problem import Problem


class OutOfDistributionWarning(UserWarning):
    """A surrogate is used outside its training data; the parent of the warnings below."""


class OutsideTrainedRange(OutOfDistributionWarning):
    """A parameter value lies outside the trained range."""


class OtherResolution(OutOfDistributionWarning):
    """The grid is coarser or finer than the training grid."""


class LongerThanTrained(OutOfDistributionWarning):
    """The rollout is longer than every rollout of the training."""


class OtherTimeStep(OutOfDistributionWarning):
    """The frames of a file are not one step of the surrogate apart."""


def rollout_warnings(
    problem: Problem,
    parameters: Float[np.ndarray, "batch parameter"] | None,
    resolution: Sequence[int],
    steps: int,
    finest_grid: float,
    trained_steps: int,
) -> list[OutOfDistributionWarning]:
    """Return a warning for each way in which a rollout leaves the training data.

    Args:
        problem: describes the training data.
        parameters: parameter values of the rollout, or None if they are unknown.
        resolution: grid points per axis of the rollout.
        steps: length of the rollout, in frames.
        finest_grid: how many times finer than in training a grid may be without a warning.
        trained_steps: length of the longest rollout of the training, in frames.
    """
    found: list[OutOfDistributionWarning] = []
    outside = () if parameters is None else problem.outside(np.asarray(parameters))
    if outside:
        found.append(OutsideTrainedRange(f"{'; '.join(outside)}: the surrogate extrapolates"))
    ratios = [n / trained for n, trained in zip(resolution, problem.resolution, strict=True)]
    if min(ratios) < 1 or max(ratios) > finest_grid:
        found.append(OtherResolution(_describe_grid(problem, resolution, ratios)))
    if steps > trained_steps:
        text = f"{steps} steps (trained on up to {trained_steps}): errors grow beyond what training has shown"
        found.append(LongerThanTrained(text))
    return found


def time_step_warnings(problem: Problem, dt: float, source: str) -> list[OutOfDistributionWarning]:
    """Return a warning if the frames of `source`, `dt` apart, are not one step of the surrogate apart."""
    if problem.has_time_step(dt):
        return []
    return [
        OtherTimeStep(
            f"{source}: its frames are {dt:.4g} apart; the predicted frames are {problem.dt:.4g} apart, one step of "
            "the surrogate"
        )
    ]


def _describe_grid(problem: Problem, resolution: Sequence[int], ratios: list[float]) -> str:
    found, trained = (" x ".join(map(str, sizes)) for sizes in (resolution, problem.resolution))
    axes = f" along {len(ratios)} axes" if len(ratios) > 1 else ""
    if len(set(ratios)) > 1:
        difference = "the cells have another shape than in training"
    elif ratios[0] > 1:
        difference = f"{ratios[0]:.3g} times finer than in training{axes}"
    else:
        difference = f"{1 / ratios[0]:.3g} times coarser than in training{axes}; smaller structures are lost"
    return f"a grid of {found} points (trained on {trained}): {difference}"
