"""The scale of sought parameters: positions between bounds, on logarithmic axes or not, and errors of bounds."""

import jax.numpy as jnp
import numpy as np
import pytest
from small_surrogates import problem_of

from cape.parameter_inference.scale import ParameterScale

GRAY_SCOTT = problem_of("gray-scott-small", low=(0.026, 0.001), high=(0.05, 0.06))


def test_wide_positive_ranges_are_logarithmic():
    scale = ParameterScale.of(GRAY_SCOTT)
    assert scale.sought == ("F", "k") and scale.logarithmic == (False, True)
    middle = scale.values(np.array([0.5, 0.5]))
    np.testing.assert_allclose(middle, [0.038, np.sqrt(0.001 * 0.06)])
    assert ParameterScale.of(problem_of("advection", low=(-1.0,), high=(9.0,))).logarithmic == (False,)


def test_values_positions_and_slopes_agree():
    scale = ParameterScale.of(GRAY_SCOTT)
    x = np.random.default_rng(0).uniform(size=(5, 2))
    np.testing.assert_allclose(scale.positions(scale.values(x)), x, atol=1e-12)
    step = 1e-6
    for i in range(2):
        moved = x + step * np.eye(2)[i]
        np.testing.assert_allclose(
            (scale.values(moved) - scale.values(x))[:, i] / step, scale.slopes(x)[:, i], rtol=1e-4
        )


def test_the_vector_of_the_surrogate_holds_known_values_in_its_order():
    scale = ParameterScale.of(GRAY_SCOTT, {"k": (0.05, 0.07)}, {"F": 0.03})
    assert scale.sought == ("k",)
    np.testing.assert_allclose(scale.vector(jnp.array([[0.0], [1.0]])), [[0.03, 0.05], [0.03, 0.07]])


@pytest.mark.parametrize(
    ("bounds", "known", "message"),
    [
        ({"Fo": (0, 1)}, {}, "bounds: the surrogate has no parameter 'Fo'; did you mean 'F'"),
        ({}, {"q": 1.0}, "known: the surrogate has no parameter 'q'"),
        ({"F": (1, 0)}, {}, "bounds: expected finite low < high of F, got 1 and 0"),
        ({"F": (0, np.inf)}, {}, "bounds: expected finite low < high"),
        ({"F": 3}, {}, "bounds: expected .low, high. of F, got 3"),
        ({"F": (0, 1)}, {"F": 0.5}, "F is given in both"),
        ({}, {"F": np.nan}, "known: expected a finite value of F, got nan"),
        ({}, {"F": 0.03, "k": 0.05}, "all parameters .* are known"),
    ],
)
def test_wrong_bounds_and_known_values(bounds, known, message):
    with pytest.raises(ValueError, match=message):
        ParameterScale.of(GRAY_SCOTT, bounds, known)


def test_a_parameter_with_one_trained_value_must_be_known():
    problem = problem_of("gray-scott-small", low=(0.03, 0.055), high=(0.03, 0.06))
    with pytest.raises(ValueError, match="trained at F = 0.03 only, .* give F in `known`"):
        ParameterScale.of(problem)
    assert ParameterScale.of(problem, known={"F": 0.03}).sought == ("k",)
