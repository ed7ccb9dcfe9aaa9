"""The fits of the members of an ensemble, which show how far the surrogate's own error moves an estimate."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cape.parameter_inference.minimise import refine
from cape.parameter_inference.misfit import Misfit
from cape.parameter_inference.observation import Observation
from cape.parameter_inference.scale import ParameterScale
from cape.surrogate import Surrogate

_SMALLEST = 1e-30


@dataclasses.dataclass(frozen=True, eq=False)
class MemberFits:
    """The estimates of the members, as positions, and the covariance of the ensemble's estimate that follows.

    Attributes:
        best: the estimate of each member.
        covariance: of the error of the ensemble's estimate that is due to the surrogate.
    """

    best: Float[np.ndarray, "trajectory member sought"]
    covariance: Float[np.ndarray, "trajectory sought sought"]


def member_misfits(surrogate: Surrogate, scale: ParameterScale, observation: Observation) -> list[Misfit]:
    """Return the misfit of each member of an ensemble; none for a single surrogate."""
    if surrogate.members == 1:
        return []
    return [Misfit(surrogate.member(i), scale, observation) for i in range(surrogate.members)]


def fit_members(
    misfits: Sequence[Misfit],
    best: Float[np.ndarray, "trajectory sought"],
    residual: Float[np.ndarray, "trajectory time *points observed"],
    unexplained: Float[np.ndarray, " trajectory"],
) -> MemberFits:
    """Fit every member, from the estimate of the ensemble.

    All members see the same noise, so that their estimates differ by their own errors only. The truth is taken to
    differ from the members as they differ from each other: with M members and the covariance S of their estimates, that
    of the ensemble's estimate is (1 + 1/M) S. The members also share errors. Where the ensemble misses the observation
    by more than its members differ, the covariance is larger by the ratio of the mean squares.

    Args:
        misfits: of the members, at least two.
        best: the estimate of the ensemble.
        residual: of the ensemble there.
        unexplained: r·r of the ensemble that the noise does not explain.
    """
    rows, count = np.arange(len(best)), len(misfits)
    change = np.zeros(misfits[0].observation.first.shape)
    fits, differences = [], np.zeros(len(best))
    for misfit in misfits:
        x, _ = refine(misfit, best, rows)
        own, _ = misfit.residuals(x, rows, change)
        fits.append(x)
        differences += ((own - residual) ** 2).reshape(len(best), -1).sum(1)
    x = np.stack(fits, 1)
    centred = x - x.mean(1, keepdims=True)
    spread = (1 + 1 / count) / (count - 1)
    shared = np.maximum(1.0, unexplained / np.maximum(spread * differences, _SMALLEST))
    return MemberFits(x, np.einsum("b,bmi,bmj->bij", spread * shared, centred, centred))
