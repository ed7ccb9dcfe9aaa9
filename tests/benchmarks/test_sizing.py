"""Sizes of models: the largest base solver within a number of parameters."""

import dataclasses

import pytest
from sizing import counter, match_size
from small_surrogates import problem_of

from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.paper.unet import PaperUNetConfig
from cape.solvers.convnext_unet import ConvNextUNetConfig
from cape.solvers.factorised_fno import FactorisedFNOConfig
from cape.solvers.fno import FNOConfig
from cape.solvers.message_passing import MessagePassingConfig
from cape.solvers.unet import UNetConfig


@pytest.mark.parametrize(
    "base",
    [
        FNOConfig(modes=2, layers=1, kernel=0),
        *(
            pytest.param(base, marks=pytest.mark.thorough)
            for base in (UNetConfig(levels=1), PaperUNetConfig(levels=1))
        ),
        *(
            pytest.param(base, marks=pytest.mark.slow)
            for base in (
                FactorisedFNOConfig(modes=2, layers=1),
                ConvNextUNetConfig(levels=1),
                MessagePassingConfig(layers=1),
            )
        ),
    ],
    ids=lambda base: type(base).__name__,
)
def test_match_size_finds_the_largest_base_not_above_the_target(base):
    count, film = counter(problem_of("burgers", points=8)), FiLMConfig(width=4)
    model = match_size(ModelConfig(base, film), 6000, count)
    larger = getattr(model.base, base.size_setting) + base.size_step
    larger = dataclasses.replace(model.base, **{base.size_setting: larger})
    assert count(model) <= 6000 < count(dataclasses.replace(model, base=larger))
    assert model.conditioning == film
    with pytest.raises(ValueError, match="expected a target of at least"):
        match_size(ModelConfig(base, film), 10, count)
