"""The search for minima and the profiles around them, for misfits with known minima."""

import jax.numpy as jnp
import numpy as np
import pytest
from analytic_misfit import AnalyticMisfit

from cape.parameter_inference.minimise import minimise, refine, scan_points
from cape.parameter_inference.profile import profiles

TIMES = jnp.linspace(0.0, 1.0, 20)


def decay(x):
    return jnp.exp(-5 * x[0] * TIMES)


def two_rates(x):
    return jnp.exp(-5 * x[0] * TIMES) + jnp.exp(-x[1] * TIMES)


def test_minima_of_a_decay_are_its_rates():
    true = np.array([[0.03], [0.4], [0.97]])
    misfit = AnalyticMisfit(decay, np.stack([decay(x) for x in true]), 1)
    found = minimise(misfit, starts=2)
    np.testing.assert_allclose(found.x[:, 0], true, atol=1e-4)
    assert (found.misfit[:, 0] < 1e-8).all()
    assert (found.misfit[:, 1] == np.inf).all()  # there is one minimum


def test_two_parameters_are_found_together():
    true = np.array([[0.3, 0.8], [0.9, 0.1]])
    misfit = AnalyticMisfit(two_rates, np.stack([two_rates(x) for x in true]), 2)
    np.testing.assert_allclose(minimise(misfit, starts=2).x[:, 0], true, atol=2e-3)


def test_both_of_two_equal_minima_are_found():
    misfit = AnalyticMisfit(lambda x: ((x - 0.5) ** 2) * jnp.ones(3), np.full((1, 3), 0.04), 1)
    found = minimise(misfit, starts=3)
    np.testing.assert_allclose(np.sort(found.x[0, :2, 0]), [0.3, 0.7], atol=1e-3)


def test_the_search_stays_inside_the_bounds():
    misfit = AnalyticMisfit(decay, np.asarray(decay(jnp.array([1.3])))[None], 1)
    x, _ = refine(misfit, np.array([[0.5]]), np.array([0]))
    assert x[0, 0] == 1.0


def test_a_profile_of_a_linear_model_is_the_exact_parabola():
    slope = jnp.array([1.0, 2.0, -1.0])
    misfit = AnalyticMisfit(lambda x: x[0] * slope, np.asarray(0.4 * slope)[None], 1)
    found = profiles(misfit, np.array([[0.4]]))
    np.testing.assert_allclose(found.rise[0, 0], 6 * (found.positions[0, 0] - 0.4) ** 2, atol=1e-5)
    assert found.positions.min() == 0.0 and found.positions.max() == 1.0


def test_a_profile_lets_the_other_parameters_follow():
    """For a linear model the profile is the curve over the best other parameters: its curvature is 1 / (A⁻¹)₀₀."""
    columns = jnp.array([[1.0, 0.9], [0.2, 0.5], [0.3, 0.1]])
    misfit = AnalyticMisfit(lambda x: columns @ x, np.asarray(columns @ jnp.array([0.5, 0.5]))[None], 2)
    found = profiles(misfit, np.array([[0.5, 0.5]]))
    a = np.asarray(columns.T @ columns, np.float64)
    near = np.abs(found.positions[0, 0] - 0.5) < 0.2
    expected = (found.positions[0, 0] - 0.5) ** 2 / np.linalg.inv(a)[0, 0]
    np.testing.assert_allclose(found.rise[0, 0][near], expected[near], atol=1e-5)


def test_a_profile_that_passes_a_lower_misfit_moves_the_estimate():
    misfit = AnalyticMisfit(decay, np.asarray(decay(jnp.array([0.6])))[None], 1)
    np.testing.assert_allclose(profiles(misfit, np.array([[0.2]])).best, [[0.6]], atol=1e-3)


@pytest.mark.parametrize("sought", [1, 2, 3, 5])
def test_scan_points_are_distinct_and_inside_the_bounds(sought):
    points = scan_points(sought)
    assert points.shape[1] == sought and len(np.unique(points, axis=0)) == len(points) >= 33
    assert points.min() >= 0 and points.max() <= 1
