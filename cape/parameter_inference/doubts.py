"""Warnings of an inference: data that cannot decide, estimates on a bound, a surrogate that does not fit."""

import itertools
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from cape.parameter_inference.fit import Fit
from cape.parameter_inference.scale import ParameterScale
from cape.problem import Problem

_ON_BOUND = 1e-3  # of the range
_WIDE = 0.8  # of the range, from which the data say little
_LOOSE = 0.3  # of the range: standard deviation along a direction that is called flat
_LARGE_ERROR = 0.2  # of the observation; trained surrogates have a few per cent


def doubts(
    problem: Problem,
    scale: ParameterScale,
    fit: Fit,
    ends: Float[np.ndarray, "trajectory sought end"],
    covariance: Float[np.ndarray, "trajectory sought sought"],
    factor: Float[np.ndarray, "trajectory sought"],
    forward_error: Float[np.ndarray, " trajectory"],
) -> tuple[tuple[str, ...], ...]:
    """Return the warnings of each trajectory.

    Args:
        problem: gives the trained range.
        scale: the sought parameters.
        fit: estimates, minima and profiles.
        ends: of the intervals, as positions.
        covariance: of the positions, as wide as the intervals.
        factor: how many standard deviations wide the intervals are on each side.
        forward_error: see `Inference`.
    """
    return tuple(
        tuple(
            itertools.chain(
                _large_error(float(forward_error[i])),
                _bounds(problem, scale, fit.best[i], ends[i]),
                _flat(scale, ends[i], covariance[i]),
                _several_minima(scale, fit, i, factor[i]),
            )
        )
        for i in range(len(fit.best))
    )


def _large_error(error: float) -> Iterator[str]:
    if error > _LARGE_ERROR:
        yield (
            f"no parameters explain the observation: the best rollout misses it by {error:.2g} of its size; check that "
            "it is of the surrogate's equation, in the same units, and inside the trained range"
        )


def _bounds(problem: Problem, scale: ParameterScale, best, ends) -> Iterator[str]:
    values = scale.values(best)
    for i, name in enumerate(scale.sought):
        low, high = scale.low[i], scale.high[i]
        if not _ON_BOUND < best[i] < 1 - _ON_BOUND:
            end, side = (low, "below") if best[i] <= _ON_BOUND else (high, "above")
            yield f"the estimate of {name} is on the bound {end:g}; the true value may lie {side} it"
        elif ends[i, 0] <= 0 or ends[i, 1] >= 1:
            end, side = (low, "below") if ends[i, 0] <= 0 else (high, "above")
            yield f"the interval of {name} is cut off at the bound {end:g}; the true value may lie {side} it"
        j = problem.parameters.index(name)
        if not problem.low[j] * (1 - 1e-6) <= values[i] <= problem.high[j] * (1 + 1e-6):
            yield (
                f"{name} = {values[i]:.4g} lies outside the trained range, {problem.low[j]:g} to {problem.high[j]:g}; "
                "the surrogate extrapolates there, and its error is unknown"
            )


def _flat(scale: ParameterScale, ends, covariance) -> Iterator[str]:
    wide = [i for i in range(len(scale.sought)) if ends[i, 1] - ends[i, 0] > _WIDE]
    for i in wide:
        yield (
            f"the data hardly depend on {scale.sought[i]}: its interval spans {100 * (ends[i, 1] - ends[i, 0]):.0f} % "
            f"of the range {scale.low[i]:g} to {scale.high[i]:g}"
        )
    variance, directions = np.linalg.eigh(covariance)
    loose = directions[:, -1]
    together = [name for name, part in zip(scale.sought, loose, strict=True) if abs(part) > 0.3]
    if not wide and variance[-1] > _LOOSE**2 and len(together) > 1:
        yield (
            f"the data determine a combination of {' and '.join(together)}, but hardly each of them; more frames, or "
            "one of them as known, would decide"
        )


def _several_minima(scale: ParameterScale, fit: Fit, trajectory: int, factor) -> Iterator[str]:
    """Warn of other minima outside the intervals that fit nearly as well as the best one."""
    best = fit.best[trajectory]
    lowest = fit.profiles.squares[trajectory].sum()
    largest = float(np.min(factor**2 * fit.unit[trajectory]))
    for x, squares in zip(fit.minima.x[trajectory], fit.minima.misfit[trajectory], strict=True):
        apart = np.abs(x - best).max() > 0.02
        far = (fit.distance_at(trajectory, x) > factor).any()
        if apart and far and squares - lowest <= largest:
            named = ", ".join(
                f"{name} = {value:.4g}" for name, value in zip(scale.sought, scale.values(x), strict=True)
            )
            yield f"the data cannot decide: {named} fits nearly as well, and lies outside the interval"
