"""The metrics of flows: correlation, how long it lasts, energy."""

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from cape.evaluation.metric import METRICS


def fields(points: int = 16) -> Float[Array, "1 2 x 1"]:
    """Return sin and cos of x as frames [1, 2, x, 1]."""
    x = 2 * np.pi * np.arange(points) / points
    return jnp.asarray(np.stack([np.sin(x), np.cos(x)])[None, ..., None], jnp.float32)


@pytest.mark.parametrize(("factor", "offset", "expected"), [(3.0, 0.5, 1.0), (-0.2, 0.0, -1.0)])
def test_the_correlation_is_that_of_fluctuations_whatever_their_size(factor, offset, expected):
    found = METRICS.find("correlation")(factor * fields() + offset, fields())
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_correlation_with_an_unrelated_field_is_zero():
    np.testing.assert_allclose(METRICS.find("correlation")(fields()[:, ::-1], fields()), 0.0, atol=1e-6)


@pytest.mark.parametrize("size", [1e-4, 1e-12, 1e-30])
def test_fields_that_have_decayed_are_correlated_like_any_other(size):
    truth = jnp.concatenate([fields()[:, :1], size * fields()[:, :1]], axis=1)
    np.testing.assert_allclose(METRICS.find("correlation")(truth, truth), 1.0, atol=1e-5)
    np.testing.assert_array_equal(METRICS.find("correlated_fraction")(truth, truth), 1.0)


def test_frames_uniform_to_one_percent_do_not_end_the_correlation():
    wave = fields()[:, :1]
    truth = jnp.concatenate([1 + wave, 1 + 0.005 * wave, 1 + wave], axis=1)
    prediction = jnp.concatenate([1 + wave, 1 - 0.005 * wave, 1 + wave], axis=1)
    np.testing.assert_array_equal(METRICS.find("correlated_fraction")(prediction, truth), 1.0)
    uneven = prediction.at[:, 1].set(
        1 - 0.2 * wave[:, 0]
    )  # the prediction is not uniform, and unlike the truth
    np.testing.assert_array_equal(METRICS.find("correlated_fraction")(uneven, truth)[:, 0], [1.0, 0.0, 0.0])


def test_the_correlation_of_a_uniform_field_is_zero():
    np.testing.assert_array_equal(METRICS.find("correlation")(jnp.zeros_like(fields()), fields()), 0.0)


def test_a_correlation_that_was_lost_does_not_count_when_it_returns():
    truth = jnp.repeat(fields()[:, :1], 4, axis=1)
    prediction = truth * jnp.asarray([1.0, 1.0, -1.0, 1.0]).reshape(1, 4, 1, 1)
    found = METRICS.find("correlated_fraction")(prediction, truth)
    np.testing.assert_array_equal(found[:, 0], [1.0, 1.0, 0.0, 0.0])
    assert METRICS.find("correlated_fraction").of_samples(prediction * jnp.nan, truth).sum() == 0.0


def test_the_energy_error_is_relative():
    np.testing.assert_allclose(METRICS.find("energy_error")(2 * fields(), fields()), 3.0, rtol=1e-5)
    np.testing.assert_allclose(METRICS.find("energy_error")(fields()[:, ::-1], fields()), 0.0, atol=1e-6)
