"""Windows: steps that take several frames (history) and give several at once (temporal bundling)."""

import jax.numpy as jnp
import numpy as np
import pytest

from cape.model.config import ModelConfig
from cape.window import ONE_FRAME, Window


def numbered(time, batch=2, points=3, channels=2):
    """Frames whose values name their place: 100·time + 10·channel + batch."""
    b, t, _, c = np.ogrid[:batch, :time, :points, :channels]
    return np.broadcast_to(100.0 * t + 10.0 * c + b, (batch, time, points, channels)).astype(np.float32)


def test_states_hold_the_last_frames_oldest_first():
    states = np.asarray(Window(3, 2).states(jnp.asarray(numbered(8))))
    assert states.shape == (2, 3, 3, 6)  # of frames 0 to 2, 2 to 4, 4 to 6; frame 7 fills no step
    np.testing.assert_array_equal(states[0, 1, 0], [200, 210, 300, 310, 400, 410])
    frames = jnp.asarray(numbered(4))
    assert ONE_FRAME.states(frames) is frames
    for history, bundle, frames in ((3, 2, 8), (3, 3, 9), (4, 1, 9), (1, 1, 5)):
        window = Window(history, bundle)
        assert window.transitions(frames) + 1 == window.states(jnp.asarray(numbered(frames))).shape[1]


@pytest.mark.parametrize(("history", "bundle"), [(2, 1), (2, 2), (4, 2), (5, 3)])
def test_a_step_that_knows_a_recurrence_continues_it(history, bundle):
    """No step from one frame solves uₜ = 2 uₜ₋₁ − uₜ₋₂."""
    window = Window(history, bundle)
    start, slope = np.random.default_rng(0).normal(size=(2, 3, 1, 4, 1))
    truth = (start + slope * np.arange(14)[:, None, None]).astype(np.float32)

    def step(state):
        frames = jnp.split(state, history, -1)
        for _ in range(bundle):
            frames.append(2 * frames[-1] - frames[-2])
        return jnp.concatenate(frames[-history:], -1)

    frames = window.rollout(step, jnp.asarray(truth[:, :history]), 14 - history)
    np.testing.assert_allclose(frames, truth[:, history:], rtol=1e-4, atol=1e-4)


def test_impossible_windows_are_refused():
    with pytest.raises(ValueError, match="model.bundle: expected 1 to 2 frames"):
        ModelConfig(history=2, bundle=3)
    with pytest.raises(ValueError, match="model.history: expected 1 to 1000"):
        ModelConfig(history=0)
    with pytest.raises(ValueError, match="model.substeps: expected 1 to 64"):
        ModelConfig(substeps=0)
    with pytest.raises(ValueError, match=r"expected 3 frame\(s\) to start from, got 2"):
        Window(3).rollout(lambda u: u, jnp.zeros((1, 2, 4, 1)), 1)
    with pytest.raises(
        ValueError, match=r"file: a rollout starts from 3 frame\(s\), expected more frames than that, got 3"
    ):
        Window(3).predicted(3, "file")
