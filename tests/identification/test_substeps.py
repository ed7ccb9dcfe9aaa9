"""The number of substeps of an equation with products."""

import numpy as np
import pytest

from cape.identification.product_equation import _stable_start, _with_enough_substeps


class FitOfASchemeOfFourthOrder:
    """A fit whose misfit is that of the scheme, down to a floor; its coefficients are the number of substeps."""

    def __init__(self, floor):
        self.floor = floor

    def solve(self, x, free, substeps, chosen):
        return np.full((1, 1), float(substeps))

    def misfits(self, x, substeps):
        return np.full(3, max(self.floor, substeps**-4.0))


@pytest.mark.parametrize(("floor", "substeps"), [(4.5**-4, 8), (8.5**-4, 16), (0.0, 32), (1.0, 4)])
def test_substeps_double_while_the_misfit_falls(floor, substeps):
    start = np.full((1, 1), 4.0)
    fit = FitOfASchemeOfFourthOrder(floor)
    x, found = _with_enough_substeps(fit, start, start > 0, 4, np.ones(3, bool))
    assert found == substeps
    np.testing.assert_array_equal(x, found)  # the coefficients are those of the fit with that many substeps


@pytest.mark.parametrize(("stable", "substeps"), [(1, 4), (16, 16), (64, 32)])
def test_a_fit_starts_with_substeps_that_are_stable(stable, substeps):
    class UnstableFit:
        def misfits(self, x, number):
            return (
                np.array([0.5, 0.6]) if number >= stable else np.array([0.5, 1e30 if number == 4 else np.inf])
            )

    assert _stable_start(UnstableFit(), np.ones((1, 1)), 4) == substeps
