"""Propagator heads: exact advection and diffusion, conserved means, initial rates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from unit_box import P, problem_of

from cape.model.propagator import Propagator


def exact_propagator(problem, shift, nu):
    """Make a propagator of which head 1 displaces by shift·a/â and diffuses by nu·b/b̂, and is the first guess."""
    propagator = Propagator(problem, heads=2, max_displacement=1.0, rngs=nnx.Rngs(0))
    displacement = np.zeros(propagator.displacement.shape, np.float32)
    displacement[1, 1] = shift
    logs = np.full(propagator.log_diffusion.shape, -np.inf, np.float32)
    logs[1, 2] = np.log(nu)
    mix = np.zeros(propagator.mix.shape, np.float32)
    mix[:, 1] = np.eye(len(mix))
    propagator.displacement[...] = displacement
    propagator.log_diffusion[...] = logs
    propagator.mix[...] = mix
    return propagator


@nnx.jit
def propagate(propagator, u, p):
    return propagator(u, propagator.rates(p))


@pytest.mark.parametrize("points", [(32,), (31,), (16, 24), (24, 15)])
def test_a_head_is_exact_advection_and_diffusion(points):
    problem, dimension = problem_of(*points), len(points)
    shift, nu = np.asarray([0.3, -0.2])[:dimension], 4e-3
    propagator = exact_propagator(problem, shift, nu)
    p = np.asarray([[0.5, 2.0], [2.0, 0.25]], np.float32)
    axes = np.meshgrid(*(np.arange(n) / n for n in points), indexing="ij")
    wave = np.asarray([3, 2])[:dimension]

    def exact(displaced, decay):
        phase = sum(k * (x - s) for k, x, s in zip(wave, axes, displaced, strict=True))
        return decay * np.cos(2 * np.pi * phase)[..., None]

    u = jnp.asarray(np.stack([exact(0 * shift, 1.0)] * 2), jnp.float32)
    first_guess, heads = propagate(propagator, u, jnp.asarray(p))
    squared = (2 * np.pi) ** 2 * np.sum(wave**2)
    expected = [exact(shift * a / 2.0, np.exp(-nu * b / 2.0 * squared)) for a, b in p]
    np.testing.assert_allclose(first_guess, expected, atol=2e-6)
    assert heads.shape == (2, *points, 2)
    np.testing.assert_allclose(heads[..., 0], u[..., 0], atol=2e-6)  # head 0 neither displaces nor diffuses


@pytest.mark.parametrize("points", [(32,), (16, 20)])
def test_between_walls_a_head_is_diffusion_without_flux(points):
    problem = problem_of(*points, boundary="wall")
    propagator = exact_propagator(problem, 0.0, nu=5e-3)
    axes = np.meshgrid(*((np.arange(n) + 0.5) / n for n in points), indexing="ij")  # cell centres
    u = np.prod([np.cos(np.pi * (k + 1) * x) for k, x in enumerate(axes)], 0)[None, ..., None]
    first_guess, _ = propagate(propagator, jnp.asarray(u, jnp.float32), jnp.asarray([[1.0, 2.0]]))
    squared = np.pi**2 * sum((k + 1) ** 2 for k in range(len(points)))
    np.testing.assert_allclose(first_guess, np.exp(-5e-3 * squared) * u, atol=2e-6)


def test_a_first_guess_conserves_means_and_uniform_fields_for_any_mix():
    problem = problem_of(16, channels=2)
    propagator = Propagator(problem, heads=3, max_displacement=0.3, rngs=nnx.Rngs(0))
    propagator.mix[...] = jax.random.normal(jax.random.key(0), propagator.mix.shape)
    u = jax.random.normal(jax.random.key(1), (2, 16, 2)) + 5.0
    first_guess, _ = propagate(propagator, u, P)
    assert float(jnp.abs(first_guess - u).max()) > 0.1
    np.testing.assert_allclose(first_guess.mean(1), u.mean(1), rtol=1e-5)
    uniform = jnp.full((2, 16, 2), 3.0)
    np.testing.assert_allclose(propagate(propagator, uniform, P)[0], uniform, rtol=1e-5)


def test_without_displacement_every_head_diffuses_at_a_different_rate():
    problem = problem_of(16, 16)
    for max_displacement, different in ((0.0, 4), (1.0, 2)):
        propagator = Propagator(problem, heads=4, max_displacement=max_displacement, rngs=nnx.Rngs(0))
        displacement, diffusion = propagator.rates(jnp.asarray([problem.high]))
        strong = np.asarray(diffusion[0])[np.asarray(diffusion[0]) > 1e-5]
        assert len(np.unique(strong)) == len(strong) == different
        assert (np.abs(np.asarray(displacement)).max() > 0) == (max_displacement > 0)
