"""Gradients through long rollouts: they agree with finite differences, and their memory is bounded."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_surrogates import problem_of, surrogate_of

from cape.rollout import rollout

POINTS, STEPS = 16, 300


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


def burgers_step(nu):
    """A step of Burgers' equation on [0, 1): upwind differences of u²/2 by averaging fluxes, and diffusion."""
    dt, dx = 1e-3, 1 / POINTS

    def step(u):
        ahead, behind = jnp.roll(u, -1, 1), jnp.roll(u, 1, 1)
        return u - dt * (ahead**2 - behind**2) / (4 * dx) + dt * nu * (ahead - 2 * u + behind) / dx**2

    return step


def last_size(nu, u0):
    return (rollout(burgers_step(nu), u0, STEPS)[:, -1] ** 2).sum()


@pytest.mark.parametrize("number", [0, 1])
def test_the_gradient_of_many_steps_agrees_with_differences_in_float64(double, number):
    x = (np.arange(POINTS) + 0.5) / POINTS
    arguments = [jnp.asarray(0.02), jnp.asarray(np.sin(2 * np.pi * x)[None, :, None])]
    direction = [jnp.ones(()), jnp.asarray(np.random.default_rng(0).normal(size=(1, POINTS, 1)))][number]
    value = jax.jit(last_size)

    def along(step):
        moved = [a + step * direction if i == number else a for i, a in enumerate(arguments)]
        return float(value(*moved))

    found = (jax.grad(last_size, number)(*arguments) * direction).sum()
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, (along(1e-6) - along(-1e-6)) / 2e-6, rtol=1e-6)


def test_the_memory_of_a_gradient_grows_by_frames_not_by_the_network():
    surrogate = surrogate_of(problem_of("advection"))
    u0 = jnp.zeros((1, POINTS, 1), jnp.float32)
    step = surrogate.at(jnp.full((1, 1), 0.5, jnp.float32))

    def memory(steps):
        gradient = jax.jit(jax.grad(lambda u: (rollout(step, u, steps)[:, -1] ** 2).sum()))
        return gradient.lower(u0).compile().memory_analysis().temp_size_in_bytes

    few, many = memory(50), memory(400)
    frame = u0.size * u0.dtype.itemsize
    assert many - few < 350 * 5 * frame
