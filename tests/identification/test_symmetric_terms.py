import jax.numpy as jnp
import numpy as np

from cape.datasets.arrays import from_arrays
from cape.identification.first_estimate import first_estimates
from cape.identification.samples import read_samples
from cape.identification.step import step
from cape.identification.symmetric_terms import symmetric_terms
from cape.identification.terms import Factor, Term, axes_of, force_terms, linear_terms
from cape.problem import Problem

X, Y, NONE = (1, 0), (0, 1), (0, 0)


def test_divergence_has_one_coefficient():
    groups = symmetric_terms([Term(0, (Factor(1, X),))], (1, 2))
    assert groups.terms == (Term(0, (Factor(1, X),)), Term(0, (Factor(2, Y),)))
    np.testing.assert_array_equal(groups.signs, [[1, 1]])


def test_terms_that_no_isotropic_equation_has_are_left_out():
    gradient_of_a_scalar = Term(0, (Factor(0, X),))
    assert not len(symmetric_terms([gradient_of_a_scalar], (1, 2)).signs)


def test_terms_of_one_group_make_one_group():
    one, other = Term(1, (Factor(2, NONE), Factor(1, Y))), Term(2, (Factor(1, NONE), Factor(2, X)))
    groups = symmetric_terms([one, other], (1, 2))
    assert set(groups.terms) == {one, other}
    np.testing.assert_array_equal(groups.signs, [[1, 1]])


def test_an_equation_of_scalars_has_the_laplacian_and_a_uniform_force():
    representatives = [*linear_terms(1, (True, True)), *force_terms(1, (True, True))]
    groups = symmetric_terms(representatives, ())
    powers = [[term.factors[0].powers for term in groups.terms if term.factors][i] for i in range(6)]
    assert powers == [(0, 0), (0, 2), (2, 0), (0, 4), (4, 0), (2, 2)]
    assert [term.wave for term in groups.terms if not term.factors] == [(0, 0)]
    np.testing.assert_array_equal(groups.signs.sum(1), [1, 2, 2, 1, 1])


def test_a_first_estimate_of_an_isotropic_equation_has_one_coefficient_for_both_axes():
    values, rate = np.array([0.01, 0.02, 0.03]), 0.5
    x = 2 * np.pi * (np.arange(16) + 0.5) / 16
    u0 = 0.3 * (np.sin(x)[:, None] + np.cos(x)[None] + np.cos(x[:, None] + 2 * x[None]))[None, ..., None]
    logistic = [Term(0, (Factor(0, NONE),)), Term(0, (Factor(0, NONE),) * 2)]
    terms = (*logistic, Term(0, (Factor(0, (2, 0)),)), Term(0, (Factor(0, (0, 2)),)))
    on, frames = axes_of(("periodic", "periodic"), (16, 16)), [jnp.asarray(u0.repeat(3, 0), jnp.float32)]
    c = np.array([[0.1 * rate, -0.1 * rate, 64 * nu, 64 * nu] for nu in 0.1 * values])
    for _ in range(6):
        frames.append(step(terms, on, 2, frames[-1], jnp.asarray(c, jnp.float32)))
    u = np.stack([np.asarray(frame) for frame in frames], 1)
    data = from_arrays(u, {"nu": values}, dt=0.1, dx=2 * np.pi / 16, channels=["u"])
    problem = Problem.of(data)
    first = first_estimates(read_samples(data, problem), on, problem)[0]
    laplacian = [row for row in first.signs if row.sum() == 2]
    assert len(first.signs) == 3 and len(laplacian) == 1
    assert {first.terms[i].factors[0].powers for i in np.flatnonzero(laplacian[0])} == {(2, 0), (0, 2)}


def test_a_step_commutes_with_exchange_and_reflection():
    representatives = [
        Term(0, (Factor(1, NONE), Factor(0, X))),
        Term(1, (Factor(0, X),), explicit=True),
        Term(1, (Factor(2, NONE), Factor(1, Y))),
        Term(1, (Factor(2, (1, 1)),), explicit=True),
    ]
    groups = symmetric_terms(representatives, (1, 2))
    assert len(groups.signs) == 4
    random = np.random.default_rng(0)
    u = jnp.asarray(random.normal(size=(1, 8, 8, 3)) * 0.1, jnp.float32)
    c = jnp.asarray(np.array([[0.3, -0.2, 0.5, 0.1]]) @ groups.signs, jnp.float32)
    on = axes_of(("periodic", "periodic"), (8, 8))

    def exchanged(u):
        return jnp.swapaxes(u, 1, 2)[..., jnp.array([0, 2, 1])]

    def reflected(u):  # about the middle of the first axis
        return jnp.flip(u, 1) * jnp.array([1.0, -1.0, 1.0]).reshape(1, 1, 1, 3)

    for image in (exchanged, reflected):
        after = step(groups.terms, on, 2, image(u), c)
        np.testing.assert_allclose(after, image(step(groups.terms, on, 2, u, c)), atol=1e-5)
