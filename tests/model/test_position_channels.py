"""Models that see the position along periodic axes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_surrogates import problem_of
from solver_checks import field

from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.paper.fno import PaperFNOConfig
from cape.solvers.fno import FNOConfig
from cape.solvers.unet import UNetConfig
from cape.surrogate import Surrogate


@pytest.mark.parametrize("base", [FNOConfig(width=4, modes=2, layers=1), UNetConfig(features=4, levels=1)])
def test_a_model_sees_the_position_if_asked(base):
    problem = problem_of("burgers", points=8, low=(1.0,), high=(2.0,))
    moves = {}
    for position_channels in (False, True):
        config = ModelConfig(base, FiLMConfig(), position_channels=position_channels)
        surrogate = Surrogate(problem, config, rngs=nnx.Rngs(0))
        step = jax.jit(surrogate.at(jnp.full((2, 1), 1.5)))
        u = field(2, 8, 1)
        moves[position_channels] = np.abs(np.roll(step(u), 4, 1) - step(jnp.roll(u, 4, 1))).max()
    assert moves[False] < 1e-5 < 1e-3 < moves[True]


@pytest.mark.parametrize(
    ("boundary", "base"), [("wall", FNOConfig()), ("periodic", PaperFNOConfig(width=4, modes=2, layers=1))]
)
def test_position_channels_are_refused_for_a_model_without_a_use_for_them(boundary, base):
    problem = problem_of("burgers", points=8, boundaries=(boundary,))
    with pytest.raises(
        ValueError, match="position_channels: expected a periodic axis and a base solver that"
    ):
        Surrogate(problem, ModelConfig(base, FiLMConfig(), position_channels=True), rngs=nnx.Rngs(0))
