"""Warnings of an inference: flat directions, several minima, bounds, values outside the trained range, a bad fit."""

import numpy as np
import pytest
from small_surrogates import problem_of

from cape.parameter_inference.doubts import doubts
from cape.parameter_inference.fit import Fit
from cape.parameter_inference.minimise import Minima
from cape.parameter_inference.profile import Profiles
from cape.parameter_inference.scale import ParameterScale

PROBLEM = problem_of("gray-scott-small", low=(0.02, 0.05), high=(0.06, 0.07))


def warnings_of(
    best=(0.5, 0.5), width=0.1, minima=((0.5, 0.5),), rises=(0.0,), covariance=None, error=0.0, bounds=None
) -> tuple[str, ...]:
    """Return the warnings of a fit of one trajectory whose profiles are parabolas."""
    scale = ParameterScale.of(PROBLEM, bounds)
    best = np.array([best])
    positions = np.linspace(0, 1, 101)[None, None] * np.ones((1, 2, 1))
    distance = np.abs(positions - best[:, :, None]) / width
    covariance = np.eye(2)[None] * width**2 if covariance is None else np.asarray(covariance)[None]
    fit = Fit(
        Profiles(best, np.ones((1, 2)), positions, distance**2),
        Minima(np.array([minima]), 2.0 + np.array([rises])),
        np.ones((1, 2)),
        covariance,
        np.ones((1, 2)),
        distance,
        np.zeros((1, 2)),
        np.zeros((1, 3, 8, 2)),
        np.empty((1, 0, 2)),
        np.full((1, 2), np.inf),
    )
    factor = np.full((1, 2), 1.645)
    (found,) = doubts(PROBLEM, scale, fit, fit.interval(factor), covariance, factor, np.array([error]))
    return found


def test_a_good_fit_gives_no_warning():
    assert warnings_of() == ()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"error": 0.4}, "no parameters explain the observation: the best rollout misses it by 0.4"),
        ({"best": (0.0, 0.5)}, "the estimate of F is on the bound 0.02; the true value may lie below it"),
        ({"best": (0.5, 1.0)}, "the estimate of k is on the bound 0.07; the true value may lie above it"),
        (
            {"best": (0.95, 0.5)},
            "the interval of F is cut off at the bound 0.06; the true value may lie above",
        ),
        ({"width": 1.0}, "the data hardly depend on F: its interval spans 100 % of the range 0.02 to 0.06"),
        (
            {"covariance": [[0.1, 0.1], [0.1, 0.1]]},
            "the data determine a combination of F and k, but hardly each of them",
        ),
        (
            {"minima": ((0.5, 0.5), (0.9, 0.5)), "rises": (0.0, 0.5)},
            "the data cannot decide: F = 0.056, k = 0.06 fits nearly as well, and lies outside the interval",
        ),
        (
            {"bounds": {"F": (0.02, 0.2)}},
            "F = 0.06325 lies outside the trained range, 0.02 to 0.06; the surrogate extrapolates",
        ),
    ],
)
def test_each_warning(settings, message):
    found = warnings_of(**settings)
    assert any(text.startswith(message) for text in found), found


def test_other_minima_inside_the_interval_or_with_a_large_misfit_are_no_doubt():
    assert warnings_of(minima=((0.5, 0.5), (0.55, 0.5)), rises=(0.0, 0.5)) == ()
    assert warnings_of(minima=((0.5, 0.5), (0.9, 0.5)), rises=(0.0, 50.0)) == ()
