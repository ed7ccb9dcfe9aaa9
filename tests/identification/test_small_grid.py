"""Products on small grids by matrix products agree with those by Fourier transforms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cape.identification import step as step_module
from cape.identification.small_grid import is_small, kept_modes, small_grid_products, with_kept_modes
from cape.identification.step import products, step, wave_numbers
from cape.identification.terms import Factor, Term, axes_of

PLAIN, DX, DY = (0, 0), (1, 0), (0, 1)
TERMS = (
    Term(0, (Factor(0, (2, 0)),)),
    Term(1, (Factor(1, (0, 2)),)),
    Term(0, (Factor(0, PLAIN), Factor(1, PLAIN))),
    Term(0, (Factor(0, DX), Factor(1, DY))),
    Term(1, (Factor(0, PLAIN), Factor(1, PLAIN), Factor(1, DX))),
    Term(1, (Factor(0, DY, stream=True), Factor(1, DX))),
    Term(1, (Factor(0, DX, stream=True), Factor(1, (0, 2)))),
    Term(0, (Factor(1, (1, 1)),), explicit=True),
    Term(0, (), (1, 2), odd=True),
    Term(1, (), (1, -2)),
)
BOTH = (True, True)
GRIDS = [((32, 32), BOTH), ((15, 33), (True, False)), ((2, 6), BOTH), ((1, 9), BOTH)]


def fields(grid, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(2, *grid, 2)), jnp.float32)


def rates(seed=1):
    c = np.random.default_rng(seed).uniform(0.05, 0.2, (2, len(TERMS)))
    return jnp.asarray(c, jnp.float32)


@pytest.mark.parametrize(("grid", "periodic"), GRIDS)
def test_the_rate_of_change_is_that_of_fourier_transforms(grid, periodic):
    modes = jnp.fft.rfftn(jnp.moveaxis(fields(grid), -1, 1), axes=(2, 3))
    waves = wave_numbers(grid, periodic)
    expected = jax.jit(lambda modes: products(TERMS, waves, grid, modes, rates()))(modes)
    kept = kept_modes(modes, grid)
    found = jax.jit(lambda kept: small_grid_products(TERMS, periodic, grid, kept, rates()))(kept)
    scale = float(jnp.abs(expected).max())
    np.testing.assert_allclose(found, kept_modes(expected, grid), atol=2e-6 * scale)
    others = with_kept_modes(expected, jnp.zeros_like(found), grid)
    assert float(jnp.abs(others).max()) == 0


@pytest.mark.thorough
@pytest.mark.parametrize("boundaries", [("periodic", "periodic"), ("wall", "periodic")])
def test_a_step_and_its_derivative_are_those_of_fourier_transforms(monkeypatch, boundaries):
    grid = (16, 24)
    terms = tuple(term for term in TERMS if term.factors or boundaries[0] == "periodic")
    on, c = axes_of(boundaries, grid), rates()[:, : len(terms)]

    def total(u, c):
        after = step(terms, on, 3, u, c)
        return (after**2).mean(), after

    (_, after), gradients = jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))(fields(grid), c)
    monkeypatch.setattr(step_module, "is_small", lambda grid: False)
    again = jax.jit(jax.value_and_grad(lambda u, c: total(u, c), (0, 1), has_aux=True))
    (_, expected), others = again(fields(grid), c)
    np.testing.assert_allclose(after, expected, atol=1e-5)
    for gradient, other in zip(gradients, others, strict=True):
        np.testing.assert_allclose(gradient, other, atol=1e-5 * max(1.0, float(jnp.abs(other).max())))


def test_only_small_grids_of_two_axes_are_served():
    assert is_small((64, 64)) and is_small((1, 3))
    assert not is_small((65, 64)) and not is_small((64,)) and not is_small((8, 8, 8))
    points, _ = jax.export.symbolic_shape("2*n, 2*m")
    assert not is_small((points, 32))
