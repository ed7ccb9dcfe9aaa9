"""The choice of the simplest equation that predicts left-out values about as well as the fit of all terms."""

import numpy as np

from cape.identification.elimination import eliminate
from cape.identification.product_equation import _simplest

VALUE = np.repeat(np.arange(6), 20)


class Linear:
    """A fit of terms that are linear in the coefficients, with the methods of `ProductFit`."""

    def __init__(self, terms, truth):
        self.terms, self.truth = terms, truth

    def misfits(self, x, substeps):
        return (self.terms @ x[:, 0] - self.truth) ** 2

    def solve(self, x, free, substeps, included):
        chosen, y = np.flatnonzero(free[:, 0]), np.zeros_like(x)
        y[chosen, 0] = np.linalg.lstsq(self.terms[included][:, chosen], self.truth[included], rcond=None)[0]
        return y

    def without_negligible(self, x, free, substeps, included, rise):
        hessian = self.terms.T @ self.terms / len(self.terms)
        return eliminate(x, free, hessian, rise * self.misfits(x, substeps).mean())


def simplest(second, where=VALUE >= 0):
    """Return which of three terms are kept: the truth has the first one, and `second` times the second one."""
    random = np.random.default_rng(0)
    terms = random.normal(size=(len(VALUE), 3))
    terms[:, 1] *= where
    truth = terms[:, 0] + second * terms[:, 1] + 0.05 * random.normal(size=len(VALUE))
    fit, free = Linear(terms, truth), np.ones((3, 1), bool)
    x, misfits = _simplest(fit, fit.solve(np.zeros((3, 1)), free, 1, VALUE >= 0), free, 1, VALUE)
    assert misfits.shape == (6,)
    return (x[:, 0] != 0).tolist()


def test_terms_that_only_fit_an_error_of_the_data_are_removed():
    assert simplest(0.02) == [True, False, False]


def test_a_term_that_all_values_need_is_kept():
    assert simplest(0.3) == [True, True, False]


def test_a_term_that_one_value_needs_is_kept():
    assert simplest(0.15, where=VALUE == 0) == [True, True, False]
