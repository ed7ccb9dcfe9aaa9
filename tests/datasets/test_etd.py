"""Exponential time differencing: weights, order of convergence and exactness."""

import jax
import jax.numpy as jnp
import numpy as np

from cape.datasets.schemes import etd


def test_phi_functions_are_their_integrals():
    """φₙ(z) = ∫₀¹ exp((1 − s) z) sⁿ⁻¹/(n − 1)! ds, by Gauss-Legendre quadrature."""
    z = np.array([-40.0, -3, -1.0001, -1, -0.999, -1e-3, -1e-9, 0, 1e-6, 0.7, 1, 2])
    nodes, weights = np.polynomial.legendre.leggauss(60)
    s, weights = 0.5 + 0.5 * nodes, 0.5 * weights
    with jax.enable_x64(True):
        for n, phi in enumerate(etd.phi(jnp.asarray(z)), 1):
            integral = np.exp(np.outer(z, 1 - s)) * s ** (n - 1) / max(n - 1, 1)
            np.testing.assert_allclose(phi, integral @ weights, rtol=2e-13)


def test_steps_converge_at_fourth_order():
    """Logistic growth u' = u − u², of which u is the linear part."""

    def final(steps):
        u = etd.advance(
            jnp.full(1, 0.1), jnp.ones(1), lambda u: -(u**2), jnp.asarray(4.0), jnp.asarray(steps)
        )
        return float(u[0])

    with jax.enable_x64(True):
        exact = 0.1 * np.exp(4) / (1 + 0.1 * (np.exp(4) - 1))
        errors = [abs(final(steps) - exact) for steps in (40, 80, 160)]
    assert 13 < errors[0] / errors[1] < 19 and 13 < errors[1] / errors[2] < 19


def test_a_linear_equation_with_a_constant_source_is_solved_exactly():
    with jax.enable_x64(True):
        rates = jnp.asarray([-1e4, -3.0, 0.0, 0.5])
        u = etd.advance(jnp.ones(4), rates, lambda u: 2 * jnp.ones_like(u), jnp.asarray(1.5), jnp.asarray(3))
        z = np.asarray(rates)
    exact = np.where(z == 0, 4.0, np.exp(1.5 * z) + 2 * np.expm1(1.5 * z) / np.where(z == 0, 1, z))
    np.testing.assert_allclose(u, exact, rtol=1e-13)
