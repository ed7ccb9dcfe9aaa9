"""Validation: which weights are no worse than the best, and the average of the weights."""

import jax.numpy as jnp
import numpy as np
import pytest

from cape.training.update import average
from cape.training.validation import no_worse


def test_weights_are_no_worse_within_the_standard_error_of_the_difference():
    lowest = np.asarray([1.0, 2.0, 3.0, 4.0])
    assert no_worse(lowest, lowest) and no_worse(lowest - 0.1, lowest)
    assert not no_worse(lowest + 0.1, lowest)  # little, but for every trajectory alike
    scattered = np.asarray([0.5, -0.4, 0.5, -0.4])  # mean 0.05, standard error 0.26
    assert no_worse(lowest + scattered, lowest) and not no_worse(lowest + scattered + 0.3, lowest)
    gone = np.asarray([1.0, np.inf, np.nan, 1.0])
    assert not no_worse(gone, lowest) and no_worse(lowest, gone) and not no_worse(gone, gone)
    assert no_worse(lowest[:1] + 0.1, lowest[:1])  # the noise of one trajectory is unknown
    assert not no_worse(gone[1:2], lowest[:1])


def test_the_average_forgets_its_start_and_then_follows_its_decay():
    old, new = {"w": jnp.asarray(0.0)}, {"w": jnp.asarray(1.0)}
    assert float(average(old, new, 0.99, jnp.int32(0))["w"]) == pytest.approx(0.9)
    assert float(average(old, new, 0.99, jnp.int32(100_000))["w"]) == pytest.approx(0.01)
    assert average((), new, 0.0, jnp.int32(3)) == ()
