"""The number of substeps of an equation with products."""

import numpy as np
import pytest

from cape.identification import stability
from cape.identification.equation import IdentifiedEquation
from cape.identification.product_equation import _stable_start, _with_enough_substeps
from cape.identification.samples import Samples
from cape.identification.terms import Factor, Term, axes_of


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


def test_rollouts_of_larger_fields_may_take_twice_as_many_substeps_as_the_fit(monkeypatch):
    """The fit needs 32. Only with 64 is a rollout stable whose fields are half as large again."""
    equation = IdentifiedEquation.of("linear", (Term(0, (Factor(0, (0,)),)),), np.full((1, 1), 32.0), 32, 0.0)
    samples = Samples(np.ones((1, 3, 8, 1)), np.ones((1, 1)), np.zeros(1, int))
    on = axes_of(["periodic"], [8])
    monkeypatch.setattr(stability, "_stable", lambda _, substeps, u, *rest: substeps >= 64 or u.max() <= 1)
    found = stability.with_fewest_substeps(equation, FitOfASchemeOfFourthOrder(0.0), samples, on, None)
    assert found.substeps == 64


@pytest.mark.parametrize(("stable", "substeps"), [(1, 4), (16, 16), (64, 32)])
def test_a_fit_starts_with_substeps_that_are_stable(stable, substeps):
    class UnstableFit:
        def misfits(self, x, number):
            return (
                np.array([0.5, 0.6]) if number >= stable else np.array([0.5, 1e30 if number == 4 else np.inf])
            )

    assert _stable_start(UnstableFit(), np.ones((1, 1)), 4) == substeps
