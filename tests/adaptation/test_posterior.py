import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from small_surrogates import problem_of

from cape.adaptation.forces import forces_in
from cape.adaptation.posterior import Form, Pairs, misfit, posterior, residuals
from cape.identification.equation import IdentifiedEquation
from cape.identification.terms import Factor, Term, force_terms

DECAY = Term(0, (Factor(0, (0,)),))
PROBLEM = problem_of("burgers", boundaries=("periodic",), channel_std=(2.0,))


def form_of(*coefficients, terms=(DECAY,)):
    equation = IdentifiedEquation("constant", terms, coefficients, 1, 0.0, (0.1,), 0.1)
    return Form(equation, "spectral", (False,), PROBLEM)


def decayed(rate, noise=0.0, pairs=12):
    random = np.random.default_rng(0)
    before = random.normal(size=(pairs, 16, 1)).astype(np.float32)
    after = before * np.exp(-rate) + noise * random.normal(size=before.shape)
    return Pairs(before, after.astype(np.float32), np.zeros((pairs, 1), np.float32))


def expected(pairs, *values):
    return jnp.broadcast_to(jnp.asarray(values, jnp.float32), (len(pairs.before), len(values)))


@pytest.mark.parametrize("rate", [0.2, 1.5])
def test_the_rate_of_a_decay_is_found(rate):
    pairs = decayed(rate)
    found = posterior(pairs, form_of((-1.0,)), expected(pairs, -1.0), np.array([2.0]), 1)
    assert -1.0 + found.mean[0] == pytest.approx(-rate, rel=1e-3)
    assert found.misfit < 1e-6 and found.deviation[0] < 0.01


def test_noise_leaves_what_the_prior_expects_the_more_the_narrower_the_prior():
    pairs = decayed(0.2, noise=0.5)
    means = [
        posterior(pairs, form_of((-1.0,)), expected(pairs, -1.0), np.array([spread]), 1).mean[0]
        for spread in (1e-3, 0.1, 10.0)
    ]
    assert abs(means[0]) < 0.01 < means[1] < means[2]
    assert means[2] == pytest.approx(0.8, abs=0.2)  # -1.0 + 0.8 is the true rate


def test_an_unstable_equation_leaves_the_prior():
    pairs = decayed(0.2)
    unstable = expected(pairs, np.nan)
    found = posterior(pairs, form_of((-1.0,)), unstable, np.array([2.0]), 1)
    assert found.mean[0] == 0 and found.deviation[0] == pytest.approx(2.0)
    assert misfit(pairs, form_of((-1.0,)), unstable, 1) == pytest.approx(1.0)  # its steps change nothing


def test_misfit_is_relative_to_persistence():
    pairs = decayed(0.7)
    assert misfit(pairs, form_of((-1.0,)), expected(pairs, 0.0), 1) == pytest.approx(1.0, rel=1e-5)


def test_the_forces_in_errors_are_found():
    terms = force_terms(1, (True,))
    chosen = Term(0, (), (2,), True)
    assert chosen in terms
    x = (np.arange(16) + 0.5) / 16
    errors = 0.3 * np.sin(4 * np.pi * x)[None, :, None] + 0.1 * np.random.default_rng(0).normal(
        size=(20, 16, 1)
    )
    assert forces_in(errors, (True,), ()) == [chosen]
    assert forces_in(errors, (True,), (chosen,)) == []
    assert forces_in(errors - errors.mean(0), (True,), ()) == []


def test_residuals_are_in_standard_deviations():
    pairs = decayed(0.0)
    shifted = pairs._replace(after=pairs.before + np.float32(3.0))
    found = residuals(shifted, form_of((0.0,)), expected(pairs, 0.0), 1)
    assert np.allclose(found, 1.5, atol=1e-5)


def test_a_form_without_coefficients_is_the_same_for_all():
    one, other = form_of((-1.0,)), form_of((-2.0,))
    changed = other._replace(equation=dataclasses.replace(other.equation, substeps=4))
    assert one.shape == changed.shape and one != changed
