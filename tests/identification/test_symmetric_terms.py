import jax.numpy as jnp
import numpy as np

from cape.identification.step import step
from cape.identification.symmetric_terms import symmetric_terms
from cape.identification.terms import Factor, Term, axes_of

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
