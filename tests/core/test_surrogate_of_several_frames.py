"""Surrogates whose steps take and give several frames, and substeps."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from unit_box import problem_of

from cape.model.conditionings.cape import CAPEConfig
from cape.model.conditionings.film import FiLMConfig
from cape.model.conditionings.unconditioned import UnconditionedConfig
from cape.model.config import ModelConfig
from cape.out_of_distribution import LongerThanTrained
from cape.problem import Problem
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate

SMALL = FNOConfig(width=6, modes=3, layers=2, projection=8)


def problem(channels=("u", "v"), **changes) -> Problem:
    settings = {
        "parameters": ("nu",),
        "low": 0.1,
        "high": 1.0,
        "steps": 7,
        "channel_mean": (0.5, -2.0),
        "channel_std": (1.0, 3.0),
        "channel_drift": (0.0, 1.0),
    }
    return dataclasses.replace(problem_of(16, channels=2, **settings), channels=channels, **changes)


@pytest.mark.parametrize(
    ("normalisation", "conditioning"),
    [
        ("sample", CAPEConfig(heads=2)),
        ("channel", FiLMConfig()),
        pytest.param("off", CAPEConfig(heads=2), marks=pytest.mark.thorough),
    ],
)
def test_a_step_keeps_known_frames_and_conserves_the_mean_of_new_ones(normalisation, conditioning):
    config = ModelConfig(SMALL, conditioning, normalisation, history=3, bundle=2)
    surrogate = Surrogate(problem(), config, rngs=nnx.Rngs(0))
    u = jnp.asarray(np.random.default_rng(1).normal(size=(2, 16, 6)), jnp.float32)
    u = u.at[..., ::2].add(1.0 - u[..., ::2].mean(1, keepdims=True))  # u has a mean of 1 in all frames
    following = jax.jit(surrogate.at(jnp.full((2, 1), 0.3)))(u)
    np.testing.assert_array_equal(following[..., :2], u[..., -2:])
    assert np.abs(following[..., 2:] - u[..., 2:]).max() > 1e-3
    np.testing.assert_allclose(following[..., ::2].mean(1), 1.0, atol=1e-5)


def test_the_frames_of_a_window_are_normalised_by_the_same_statistics():
    """Without conditioning, a window of twice the amplitude is advanced to one of twice the amplitude."""
    config = ModelConfig(SMALL, UnconditionedConfig(), history=2)
    one = Surrogate(problem(channel_drift=()), config, rngs=nnx.Rngs(0))
    assert len(one.normalisation.inner_problem.parameters) == 1 + 2 * 2
    u = jnp.asarray(np.random.default_rng(2).normal(size=(1, 16, 4)), jnp.float32)
    step = jax.jit(one.at(jnp.ones((1, 1))))
    np.testing.assert_allclose(step(2 * u), 2 * step(u), rtol=2e-4, atol=2e-4)
    scaled = u.at[..., :2].multiply(3.0)  # only one frame: the window has another shape
    assert np.abs(step(scaled)[..., 2:] - step(u)[..., 2:]).max() > 1e-2


@pytest.mark.parametrize("channels", [pytest.param(("u",), marks=pytest.mark.thorough), ("u", "v")])
def test_only_the_parameters_move_and_diffuse_at_first(channels):
    """The standard deviation and the mean of a frame do not, however many frames a step takes."""
    statistics = {"channel_mean": (0.0, 0.0), "channel_std": (1.0, 1.0), "channel_drift": ()}
    statistics = {name: values[: len(channels)] for name, values in statistics.items()}
    for history in (1, 2):
        config = ModelConfig(SMALL, CAPEConfig(heads=4), history=history)
        surrogate = Surrogate(problem(channels=channels, **statistics), config, rngs=nnx.Rngs(0))
        propagator = surrogate.conditioning.propagator
        moved = np.abs(propagator.displacement[...]).max((0, 2))
        diffused = np.asarray(propagator.log_diffusion[...]).max(0)
        assert moved.shape == (2 + 2 * len(channels),)
        assert moved[1] > 0 and not moved[[0, *range(2, len(moved))]].any()
        assert diffused[1] > -10 > np.delete(diffused, 1).max()


def test_a_state_of_another_number_of_frames_is_refused():
    for normalisation in ("sample", "channel"):
        config = ModelConfig(SMALL, FiLMConfig(), normalisation, history=2)
        surrogate = Surrogate(problem(), config, rngs=nnx.Rngs(0))
        with pytest.raises(
            ValueError, match=r"expected a state of 2 frame\(s\) of the channel\(s\) \('u', 'v'\)"
        ):
            surrogate.at(jnp.ones((1, 1)))(jnp.zeros((1, 16, 2)))
    with pytest.raises(ValueError, match="model.history: expected at most 7 of the 8 frames"):
        Surrogate(problem(), ModelConfig(SMALL, FiLMConfig(), history=8), rngs=nnx.Rngs(0))


def test_a_surrogate_of_several_frames_rolls_out_frames():
    config = ModelConfig(SMALL, CAPEConfig(heads=2), history=3, bundle=2)
    surrogate = Surrogate(problem(), config, rngs=nnx.Rngs(0))
    u0 = jnp.asarray(np.random.default_rng(3).normal(size=(2, 3, 16, 2)), jnp.float32)
    frames = surrogate.rollout(u0, {"nu": 0.5}, 5)
    assert frames.shape == (2, 5, 16, 2)
    step = jax.jit(surrogate.at(jnp.full((2, 1), 0.5)))
    state = jnp.concatenate([u0[:, i] for i in range(3)], -1)
    for first in (0, 2):
        state = step(state)
        expected = jnp.stack([state[..., 2:4], state[..., 4:]], 1)
        np.testing.assert_allclose(frames[:, first : first + 2], expected, rtol=1e-5, atol=1e-5)
    assert surrogate.trained_steps == 5
    with pytest.warns(LongerThanTrained, match="6 steps .trained on up to 5"):
        surrogate.rollout(u0, {"nu": 0.5}, 6)
    for wrong in (u0[:, 0], u0[:, :2]):
        with pytest.raises(ValueError, match="expected u0 .batch, 3 frames, 1 space axes, 2 channel"):
            surrogate.rollout(wrong, {"nu": 0.5}, 1)


def test_substeps_apply_the_same_network_again():
    config = ModelConfig(SMALL, CAPEConfig(heads=2))
    once = Surrogate(problem(), config, rngs=nnx.Rngs(0))
    thrice = Surrogate(problem(), dataclasses.replace(config, substeps=3), rngs=nnx.Rngs(0))
    u, p = jnp.asarray(np.random.default_rng(4).normal(size=(2, 16, 2)), jnp.float32), jnp.full((2, 1), 0.4)
    step = jax.jit(once.at(p))
    np.testing.assert_allclose(jax.jit(thrice.at(p))(u), step(step(step(u))), rtol=1e-5, atol=1e-5)
