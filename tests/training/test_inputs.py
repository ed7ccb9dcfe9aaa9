"""The inputs of a trajectory's steps: noise, autoregressive inputs, schedules."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cape.training.inputs import make_inputs

TRANSITIONS = 5
inputs_of = jax.jit(make_inputs, static_argnums=(0, 1))


def test_noise_is_reproducible_and_of_the_asked_size_in_units_of_the_channel(tiny):
    def inputs(seed):
        given = tiny.given(seed=seed)._replace(
            frames=jnp.zeros((3, 64, 512, 1)), parameters=jnp.full((64, 1), 0.5)
        )
        return np.asarray(inputs_of(0.1, tiny.model, tiny.params, tiny.model_state, given))

    first, again, other = inputs(0), inputs(0), inputs(1)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert first.std() == pytest.approx(0.1 * 2.0, rel=0.01)  # 65 536 draws: 0.3 % is one standard error
    assert abs(first.mean()) < 4 * 0.2 / math.sqrt(first.size)


def test_autoregressive_inputs_have_fresh_noise(tiny, step):
    given = tiny.given(autoregressive=TRANSITIONS)
    inputs = inputs_of(0.1, tiny.model, tiny.params, tiny.model_state, given)
    noise = [inputs[t] - step(tiny.params, inputs[t - 1]).next for t in range(1, TRANSITIONS)]
    assert np.std(noise) == pytest.approx(0.2, rel=0.25)  # 128 draws
    assert np.abs(np.corrcoef(np.reshape(noise, (TRANSITIONS - 1, -1))) - np.eye(TRANSITIONS - 1)).max() < 0.7


def test_a_schedule_without_pushes_gives_the_inputs_of_zero_pushes(tiny):
    none, zero = (
        inputs_of(0.1, tiny.model, tiny.params, tiny.model_state, tiny.given(3, pushes))
        for pushes in (None, 0)
    )
    np.testing.assert_allclose(none, zero, rtol=1e-6, atol=1e-6)
