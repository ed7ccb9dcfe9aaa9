"""Embeddings of parameters: small values stay apart, every range gives finite values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cape.model.embedding import EMBEDDINGS, linear, logarithmic


def test_small_parameters_have_different_embeddings_and_extrapolation_is_finite():
    low, high = (1e-8,), (1e-1,)
    values = jnp.asarray([[1e-8], [1e-3], [1e-1], [0.0], [1e4], [-1.0]])
    x = logarithmic(values, low, high)[:, 0]
    np.testing.assert_allclose(x[:3], [-1.0, 3 / 7, 1.0], atol=1e-5)
    assert np.isfinite(x).all() and np.isfinite(linear(values, low, high)).all()
    assert x[4] > 1.0


def test_embedding_of_ranges_through_zero_is_odd_and_monotone():
    low, high = (-2.0,), (2.0,)
    values = jnp.asarray([[-2.0], [-1e-2], [0.0], [1e-2], [2.0]])
    x = np.asarray(logarithmic(values, low, high)[:, 0])
    np.testing.assert_allclose(x, -x[::-1], atol=1e-6)
    np.testing.assert_allclose(x[[0, -1]], [-1.0, 1.0], atol=1e-6)
    assert (np.diff(x) > 0).all()


def test_embeddings_keep_the_features_of_a_sample_together():
    p, low, high = jnp.asarray([[1e-2, 3.0], [1e-1, 2.0]]), (1e-3, 1.0), (1e-1, 4.0)
    logs = np.asarray(logarithmic(p, low, high))
    np.testing.assert_allclose(EMBEDDINGS["both"].embed(p, low, high), np.c_[[[0.1, 0.75], [1.0, 0.5]], logs])
    sines = np.asarray(EMBEDDINGS["waves"].embed(p, low, high)).reshape(2, 2, 8)
    np.testing.assert_allclose(sines[..., 0], np.sin(np.pi / 2 * logs), atol=1e-6)
    np.testing.assert_allclose(sines[..., 7], np.cos(4 * np.pi * logs), atol=1e-5)


@pytest.mark.parametrize(("low", "high"), [((0.0,), (0.0,)), ((3.0,), (3.0,)), ((0.0,), (1.0,))])
def test_embedding_of_ranges_without_width_is_finite_with_its_gradient(low, high):
    for value in (0.0, 1.0, 3.0):
        both = jax.value_and_grad(
            lambda p: sum(form(p[None, None], low, high).sum() for form, _ in EMBEDDINGS.values())
        )
        x, slope = both(jnp.float32(value))
        assert np.isfinite(x) and np.isfinite(slope)
