import exact_equations as exact
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from cape.identification.elimination import eliminate
from cape.identification.matrix_exponential import matrix_exponential
from cape.identification.step import keep_mean, step
from cape.identification.terms import Axes, Factor, Term, axes_of, linear_terms, product_terms

LINE = axes_of(["periodic"], [exact.POINTS])
DIFFUSION = Term(0, (Factor(0, (2,)),))
TRANSPORT = Term(0, (Factor(0, (0,)), Factor(0, (1,))))


def batch(points, samples=2):
    return jnp.asarray(exact.smooth_fields(samples, points=points)[..., None], jnp.float32)


@pytest.mark.parametrize("rows", [2, 3])
def test_matrix_exponential_agrees_with_scipy(rows):
    random = np.random.default_rng(0)
    matrices = 0.5 * (random.normal(size=(2, 5, rows, rows)) + 1j * random.normal(size=(2, 5, rows, rows)))
    matrices[0, 0] = 0.0
    entries = [[jnp.asarray(matrices[..., i, j], jnp.complex64) for j in range(rows)] for i in range(rows)]
    found = matrix_exponential(entries, jnp.full(5, 10.0, jnp.float32))
    np.testing.assert_allclose(np.moveaxis(found, (1, 2), (-2, -1)), scipy.linalg.expm(matrices), atol=2e-6)


@pytest.mark.parametrize("rows", [2, 3])
def test_modes_grow_no_faster_than_allowed(rows):
    matrix = np.diag(np.linspace(-1.0, 30.0, rows)) + np.eye(rows, k=1)
    entries = [[jnp.full((1, 1), matrix[i, j], jnp.complex64) for j in range(rows)] for i in range(rows)]
    found = np.asarray(matrix_exponential(entries, jnp.zeros(1, jnp.float32)))[0, :, :, 0]
    largest = np.abs(np.linalg.eigvals(found)).max()
    assert 0.5 < largest < 1.01


def test_a_step_is_of_fourth_order_and_the_same_on_every_grid():
    terms, c = (DIFFUSION, TRANSPORT), jnp.asarray([[0.5, 1.5], [0.3, -1.2]], jnp.float32)
    fine = step(terms, LINE, 64, batch(exact.POINTS), c)
    errors = [float(jnp.abs(step(terms, LINE, n, batch(exact.POINTS), c) - fine).max()) for n in (1, 2)]
    assert errors[1] < errors[0] / 8
    other = step(terms, LINE, 64, batch(2 * exact.POINTS), c)
    averaged = np.asarray(other).reshape(2, exact.POINTS, 2, 1).mean(2)
    np.testing.assert_allclose(averaged, fine, atol=0.02)


def test_walls_keep_the_cosines_of_diffusion():
    on = axes_of(["wall"], [16])
    x = (jnp.arange(16, dtype=jnp.float32) + 0.5) / 16
    u = jnp.cos(jnp.pi * 3 * x)[None, :, None]
    after = step((DIFFUSION,), on, 1, u, jnp.full((1, 1), 0.5, jnp.float32))
    np.testing.assert_allclose(after, u * np.exp(-0.5 * (3 / 16) ** 2), atol=1e-5)


def test_high_modes_do_not_grow_outside_the_fit():
    on = Axes((True,), (2 / 8,))
    u = jnp.cos(2 * jnp.pi * 5 * (jnp.arange(16, dtype=jnp.float32) + 0.5) / 16)[None, :, None]
    after = step((DIFFUSION,), on, 1, u, jnp.full((1, 1), -5.0, jnp.float32))
    np.testing.assert_allclose(after, u, atol=1e-5)


def test_a_step_can_be_differentiated_in_the_coefficients():
    c = jnp.asarray([[0.2, 0.4]], jnp.float32)

    def total(c):
        return (step((DIFFUSION, TRANSPORT), LINE, 2, batch(exact.POINTS, 1), c) ** 2).sum()

    change = 1e-2 * jnp.asarray([[1.0, -1.0]], jnp.float32)
    expected = (total(c + change) - total(c - change)) / 2
    _, found = jax.jvp(total, (c,), (change,))
    np.testing.assert_allclose(found, expected, rtol=1e-2)


def test_kept_means_are_kept():
    before, after = batch(16), batch(16) + 0.5
    np.testing.assert_allclose(keep_mean(before, after, (True,)), before, atol=1e-6)
    np.testing.assert_allclose(keep_mean(before, after, (False,)), after)


def test_terms_that_are_odd_at_a_wall_are_left_out():
    assert {t.factors[0].powers for t in linear_terms(1, [False])} == {(0,), (2,), (4,)}
    powers = [tuple(f.powers for f in t.factors) for t in product_terms(1, [False])]
    assert ((0,), (1,)) not in powers and ((1,), (1,)) in powers


def test_elimination_keeps_what_the_misfit_needs():
    hessian = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]])
    x, free = eliminate(np.array([[2.0], [1e-3], [1.0]]), np.ones((3, 1), bool), hessian, allowed=1e-4)
    assert free.ravel().tolist() == [True, False, True]
    np.testing.assert_allclose(x.ravel(), [2.0 + 0.5e-3, 0.0, 1.0], rtol=1e-6)


def test_elimination_prefers_a_constant_to_a_parameter_that_hardly_varies():
    functions = np.stack([np.ones(5), np.linspace(0.9, 1.0, 5)], 1)
    for coefficients in ([0.45, 0.5], [0.5, 0.45]):
        x, free = np.array([coefficients]), np.ones((1, 2), bool)
        assert eliminate(x, free, functions.T @ functions, allowed=1e-2)[1].tolist() == [[True, False]]


def test_elimination_keeps_a_parameter_that_matters():
    functions = np.stack([np.ones(5), np.linspace(0.1, 1.0, 5)], 1)
    x, free = eliminate(np.array([[0.02, 1.0]]), np.ones((1, 2), bool), functions.T @ functions, allowed=1e-2)
    assert free.tolist() == [[False, True]]
    np.testing.assert_allclose(x[0, 1], 1.0, atol=0.05)
