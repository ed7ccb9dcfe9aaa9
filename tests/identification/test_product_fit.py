import exact_equations as exact
import numpy as np
import pytest

from cape.identification.product_fit import Pairs, ProductFit
from cape.identification.terms import Factor, Term, axes_of

U = Factor(0, (0,))
TERMS = (Term(0, (U,)), Term(0, (U, U)), Term(0, (Factor(0, (2,)),)))


@pytest.fixture(scope="module")
def fit():
    """Return the fit of u_t = r u (1 − u) by r u, r u² and r u_xx, each with a constant part."""
    rates = np.array([1.0, 2.0, 4.0])
    u = exact.logistic(list(rates)).read().astype(float)
    before, after = u[:, 0], u[:, 1]
    scaled = np.repeat(rates / 4, len(u) // 3)
    functions = np.stack([np.ones_like(scaled), scaled], 1)
    weight = 1 / np.sqrt(((after - before) ** 2).mean((1, 2)))
    pairs = Pairs(before, after, functions, weight, np.repeat(np.arange(3), len(u) // 3))
    return ProductFit(pairs, TERMS, axes_of(["periodic"], [exact.POINTS]), (False,))


def test_coefficients_are_found_and_those_not_needed_are_eliminated(fit):
    everything, free = np.ones(18, bool), np.ones((3, 2), bool)
    x = fit.solve(np.zeros((3, 2)), free, 2, everything)
    assert fit.misfits(x, 2).max() < 1e-4
    x, free = fit.without_negligible(x, free, 2, everything)
    x = fit.solve(x, free, 2, everything)
    expected = 4 * exact.DT * np.array([[0, 1], [0, -1], [0, 0]])
    np.testing.assert_allclose(x, expected, atol=5e-3)
    assert free.tolist() == [[False, True], [False, True], [False, False]]


def test_a_start_that_blows_up_is_returned(fit):
    start = np.full((3, 2), 1e6)
    np.testing.assert_array_equal(fit.solve(start, np.ones((3, 2), bool), 2, np.ones(18, bool)), start)
