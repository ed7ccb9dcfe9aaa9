"""Rollouts: exact one-step maps, joined rollouts, persistence."""

import jax.numpy as jnp
import numpy as np
import pytest
from unit_box import build, problem_of, waves

from cape.rollout import persistence, rollout


def test_rollout_of_an_exact_shift_is_the_shifted_field():
    u0, speed, n = waves(32), 0.03, 32
    phase = np.exp(-2j * np.pi * np.fft.rfftfreq(n, 1 / n) * speed)[None, :, None]
    one = jnp.asarray(phase, jnp.complex64)
    frames = rollout(lambda u: jnp.fft.irfft(jnp.fft.rfft(u, axis=1) * one, n, axis=1), u0, 4)
    assert frames.shape == (2, 4, 32, 1)
    for t in range(1, 5):
        exact = np.fft.irfft(np.fft.rfft(u0, axis=1) * phase**t, n, axis=1)
        np.testing.assert_allclose(frames[:, t - 1], exact, atol=2e-5)


def test_rollouts_join():
    small, u0 = build(problem_of(16)), waves(16)
    five, two = (small.rollout(u0, {"a": 1.0, "b": 0.7}, steps) for steps in (5, 2))
    three = small.rollout(two[:, -1], {"a": 1.0, "b": 0.7}, 3)
    np.testing.assert_allclose(five, jnp.concatenate([two, three], 1), atol=1e-5)


def test_persistence_never_moves_and_no_step_is_refused():
    u0 = waves(8)
    np.testing.assert_array_equal(rollout(persistence, u0, 3), jnp.stack([u0] * 3, 1))
    for steps in (0, 1.5, "3"):
        with pytest.raises(ValueError, match=f"at least one step, a whole number, got {steps!r}"):
            rollout(persistence, u0, steps)
