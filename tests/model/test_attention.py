"""Channel attention: the perceptron by a second route, and its embeddings."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from unit_box import SMALL, build, problem_of

from cape.model.attention import ChannelAttention
from cape.model.conditionings.adagn import AdaGNConfig
from cape.model.conditionings.cape import CAPEConfig
from cape.model.conditionings.film import FiLMConfig
from cape.model.embedding import EMBEDDINGS


def test_attention_is_a_perceptron_of_the_logarithms_of_the_parameters():
    problem = problem_of(8, low=1e-3, high=1e-1)
    attention = ChannelAttention(problem, (3, 2), width=5, rngs=nnx.Rngs(0))
    p = jnp.asarray([[1e-3, 1e-1], [1e-2, 1.0]])
    logs = np.array([[-1.0, 1.0], [0.0, 1.0]])  # the last value is clipped to the trained range
    hidden = logs @ np.asarray(attention.first.weight[...]) + np.asarray(attention.first.bias[...])
    hidden = np.vectorize(lambda x: 0.5 * x * (1 + math.erf(x / 2**0.5)))(hidden)
    expected = hidden @ np.asarray(attention.second.weight[...]) + np.asarray(attention.second.bias[...])
    vectors = attention.vectors(p)
    assert [v.shape for v in vectors] == [(2, 6), (2, 4)]
    np.testing.assert_allclose(np.concatenate(vectors, -1), expected, atol=1e-5)


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_attention_depends_on_the_parameters_through_every_embedding(name):
    attention = ChannelAttention(problem_of(8), (3,), width=5, embedding=name, rngs=nnx.Rngs(0))
    assert attention.first.weight.shape[0] == 2 * EMBEDDINGS[name].features
    vectors = attention.vectors(jnp.asarray([[0.5, 1.0], [0.5, 2.0]]))[0]
    assert np.isfinite(vectors).all() and np.abs(vectors[0] - vectors[1]).max() > 1e-4


@pytest.mark.parametrize("conditioning", [CAPEConfig, FiLMConfig, AdaGNConfig])
def test_conditionings_pass_the_name_of_the_embedding_to_their_attention(conditioning):
    surrogate = build(problem_of(8), SMALL, conditioning(embedding="both"))
    attention = surrogate.conditioning.attention
    assert attention.first.weight.shape[0] == 2 * len(attention.low)


def test_an_unknown_embedding_is_refused():
    with pytest.raises(
        ValueError, match="embedding: expected one of logarithm, value, both, waves, got 'log'"
    ):
        ChannelAttention(problem_of(8), (3,), width=5, embedding="log", rngs=nnx.Rngs(0))
