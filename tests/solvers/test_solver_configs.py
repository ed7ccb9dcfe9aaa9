"""Configurations of base solvers: names, minimum settings, sizes, grids and warnings."""

import dataclasses

import pytest
from flax import nnx
from small_solvers import SMALL, domain_of, fit

from cape.paper.fno import PaperFNOConfig
from cape.paper.unet import PaperUNetConfig
from cape.solvers.convnext_unet import ConvNextUNetConfig
from cape.solvers.factorised_fno import FactorisedFNOConfig
from cape.solvers.fno import FNOConfig
from cape.solvers.message_passing import MessagePassingConfig
from cape.solvers.solver import SOLVERS
from cape.solvers.unet import UNetConfig
from cape.solvers.warp_unet import WarpUNetConfig


def test_every_solver_is_registered_under_its_name():
    assert {name: type(config) for name, config in SMALL.items()} == dict(SOLVERS.parts)
    with pytest.raises(ValueError, match="unknown base solver 'unet'; did you mean 'u-net'"):
        SOLVERS.find("unet")


@pytest.mark.parametrize("name", SMALL)
def test_settings_below_their_minimum_are_refused(name):
    config = SMALL[name]
    for setting in dataclasses.fields(config):
        with pytest.raises(ValueError, match=rf"^{setting.name}: expected at least [01], got -1$"):
            dataclasses.replace(config, **{setting.name: -1})


@pytest.mark.parametrize("name", SMALL)
def test_size_settings_grow_the_solver(name):
    config = SMALL[name]
    size = getattr(config, config.size_setting)
    larger = dataclasses.replace(config, **{config.size_setting: size + config.size_step})

    def count(config):
        state = nnx.state(fit(config, "periodic"), nnx.Param)
        return sum(leaf[...].size for _, leaf in nnx.to_flat_state(state))

    assert count(larger) > count(config)


@pytest.mark.parametrize(
    ("config", "multiple", "minimum"),
    [
        (FNOConfig(modes=9), 1, 18),
        (FNOConfig(modes=1, kernel=11), 1, 5),
        (FactorisedFNOConfig(modes=1), 1, 2),
        (UNetConfig(levels=3), 8, 8),
        (ConvNextUNetConfig(levels=1, kernel=19), 2, 18),
        (ConvNextUNetConfig(levels=2, kernel=1), 4, 4),
        (MessagePassingConfig(radius=9), 1, 9),
        (MessagePassingConfig(radius=1), 1, 2),
        (WarpUNetConfig(levels=3), 1, 1),
        (PaperFNOConfig(modes=7), 1, 14),
        (PaperUNetConfig(levels=2), 4, 4),
    ],
)
def test_grids_that_a_solver_accepts(config, multiple, minimum):
    assert (config.grid_multiple, config.grid_minimum) == (multiple, minimum)


def test_modes_beyond_the_grid_give_a_warning():
    for config in (FNOConfig(modes=6), FactorisedFNOConfig(modes=6), PaperFNOConfig(modes=6)):
        (line,) = config.warnings(domain_of("periodic"))
        assert line == "modes = 6: a grid of 8 points has 5 modes; the weights of the others stay untrained"
        assert config.warnings(domain_of("periodic", points=10)) == ()
        assert config.finest_grid == 2.0
    assert UNetConfig().warnings(domain_of("periodic")) == () and UNetConfig.finest_grid == 1.0
