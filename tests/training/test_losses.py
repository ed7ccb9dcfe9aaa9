"""Errors of frames: channels of different size, floors, and shapes that differ."""

import jax.numpy as jnp
import pytest

from cape.training.losses import relative_l2
from cape.training.objective import Objective, frame_errors

POINTS = 16


def test_a_large_channel_does_not_hide_a_small_one_with_per_channel():
    target = jnp.tile(jnp.asarray([100.0, 0.01]), (1, 1, POINTS, 1))
    prediction = target * jnp.asarray([[[[1.0, 3.0]]]])
    channel_std = jnp.asarray([10.0, 0.02])

    def error(objective, prediction, target):
        return float(frame_errors(objective, prediction, target, channel_std)[0, 0])

    together, each = (Objective(per_channel=choice) for choice in (False, True))
    assert error(together, prediction, target) == pytest.approx(2e-4, rel=1e-3)
    assert error(each, prediction, target) == pytest.approx((0 + 2) / 2, rel=1e-5)
    # a channel below its floor (1% of its standard deviation) is measured against the floor
    nothing = target * jnp.asarray([[[[1.0, 0.0]]]])
    moved = nothing + jnp.asarray([[[[0.0, 1e-4]]]])
    assert error(each, moved, nothing) == pytest.approx((0 + 1e-4 / 2e-4) / 2, rel=1e-4)


def test_a_field_that_has_decayed_below_the_floor_counts_by_its_absolute_error():
    channel_std = jnp.asarray([2.0])
    target = jnp.zeros((1, 1, POINTS, 1)).at[..., :1, :].set(1e-6)
    objective = Objective(floor=0.01)
    error = frame_errors(objective, target + 0.004, target, channel_std)
    assert float(error[0, 0]) == pytest.approx(0.004 / (0.01 * 2.0), rel=1e-5)
    large = target + 5.0
    relative = frame_errors(objective, 1.1 * large, large, channel_std)
    assert float(relative[0, 0]) == pytest.approx(0.1, rel=1e-4)


def test_shapes_that_differ_are_refused(unchecked):
    with pytest.raises(ValueError, match="one shape"):
        relative_l2(jnp.zeros((2, 3)), jnp.zeros((2, 1)), leading=1)
