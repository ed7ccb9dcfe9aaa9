"""Configurations of base solvers, the contract that a solver meets, and the wrappers that a domain needs."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from solver_checks import apply, close, field

from cape.paper.fno import PaperFNO, PaperFNOConfig
from cape.paper.unet import PaperUNetConfig
from cape.solvers.bounded import Bounded
from cape.solvers.convnext_unet import ConvNextUNetConfig
from cape.solvers.factorised_fno import FactorisedFNOConfig
from cape.solvers.fitted import check_contract, fitted
from cape.solvers.fno import FNO, FNOConfig
from cape.solvers.message_passing import MessagePassingConfig
from cape.solvers.position_channels import PositionChannels
from cape.solvers.solver import SOLVERS, BaseSolver, Domain, SolverConfig, unmodulated
from cape.solvers.unet import UNetConfig

SMALL = {
    "fno": FNOConfig(width=4, modes=2, layers=2, projection=4),
    "factorised-fno": FactorisedFNOConfig(width=4, modes=2, layers=2, projection=4),
    "u-net": UNetConfig(features=4, levels=2),
    "convnext-u-net": ConvNextUNetConfig(features=4, levels=2, kernel=3, expansion=2),
    "message-passing": MessagePassingConfig(width=4, layers=2, radius=1),
    "paper-fno": PaperFNOConfig(width=4, modes=2, layers=2, projection=4),
    "paper-u-net": PaperUNetConfig(features=4, levels=2),
}
BOUNDED = {"fno", "factorised-fno", "u-net", "convnext-u-net", "message-passing"}


def domain_of(*boundaries, points=8):
    axes = len(boundaries)
    return Domain(boundaries, (points,) * axes, (0.0,) * axes, (1.0,) * axes)


def fit(config, *boundaries, position_channels=False, outputs=3):
    build = fitted(config, domain_of(*boundaries), position_channels=position_channels, rngs=nnx.Rngs(0))
    return build(2, outputs)


def test_every_solver_is_registered_under_its_name():
    assert {name: type(config) for name, config in SMALL.items()} == dict(SOLVERS.parts)
    with pytest.raises(ValueError, match="unknown base solver 'unet'; did you mean 'u-net'"):
        SOLVERS.find("unet")


@pytest.mark.parametrize("boundaries", [("periodic",), ("wall",), ("outgoing", "periodic")])
@pytest.mark.parametrize("name", SMALL)
def test_every_solver_fits_every_domain(name, boundaries):
    model = fit(SMALL[name], *boundaries)
    assert isinstance(model, BaseSolver)
    assert isinstance(model, Bounded) == (name in BOUNDED and boundaries != ("periodic",))
    if isinstance(model, Bounded):
        assert model.extend == (name in {"fno", "factorised-fno"})
    u = field(2, *(8,) * len(boundaries), 2)
    y = apply(model, u)
    assert y.shape == (*u.shape[:-1], 3)
    model.scale_output(0.25)
    np.testing.assert_array_equal(apply(model, u), 0.25 * y)


def test_configurations_choose_by_the_boundaries_of_the_domain():
    for name in ("fno", "factorised-fno"):
        periodic, mixed = fit(SMALL[name], "periodic", "periodic"), fit(SMALL[name], "wall", "periodic")
        assert isinstance(mixed, Bounded) and type(mixed.solver) is type(periodic)
        assert mixed.solver.in_channels == 3 and mixed.solver.boundaries == ("wall", "periodic")
        assert mixed.extend
    stencils = fit(SMALL["u-net"], "wall")
    assert isinstance(stencils, Bounded) and not stencils.extend
    published = fit(SMALL["paper-fno"], "wall")
    assert isinstance(published, PaperFNO) and published.pad == 2
    assert published.coordinates == ((0.0, 1.0),)
    assert fit(SMALL["paper-u-net"], "wall").encoders[0].convolution1.boundaries == ("zeros",)


@pytest.mark.parametrize("boundaries", [("periodic",), ("wall", "periodic")])
def test_position_channels_are_outermost(boundaries):
    model = fit(SMALL["fno"], *boundaries, position_channels=True)
    assert isinstance(model, PositionChannels)
    inner = model.solver.solver if len(boundaries) == 2 else model.solver
    assert isinstance(inner, FNO) and inner.in_channels == 2 + 2 + len(boundaries) - 1
    u = field(1, *(8,) * len(boundaries), 2)
    moved = jnp.roll(apply(model, u), 3, -2) - apply(model, jnp.roll(u, 3, -2))
    assert np.abs(moved).max() > 1e-4


@pytest.mark.parametrize(("name", "boundary"), [("fno", "wall"), ("paper-fno", "periodic")])
def test_position_channels_are_refused_where_they_make_no_sense(name, boundary):
    expected = (
        rf"^position_channels: expected a periodic axis .* got boundaries \('{boundary}',\) and \w+Config"
    )
    with pytest.raises(ValueError, match=expected):
        fitted(SMALL[name], domain_of(boundary), position_channels=True, rngs=nnx.Rngs(0))


def test_weights_do_not_depend_on_the_wrappers():
    """The wrappers draw no random numbers; only the input layer is larger."""
    bare = SMALL["u-net"].build(4, 3, domain_of("wall", "periodic"), rngs=nnx.Rngs(0))
    wrapped = fitted(
        SMALL["u-net"], domain_of("wall", "periodic"), position_channels=False, rngs=nnx.Rngs(0)
    )(3, 3)
    a, b = (dict(nnx.to_flat_state(nnx.state(model))) for model in (bare, wrapped.solver))
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name][...], b[name][...])


# ---- settings --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_settings_below_their_minimum_are_refused(name):
    config = SMALL[name]
    for field_ in dataclasses.fields(config):
        with pytest.raises(ValueError, match=rf"^{field_.name}: expected at least [01], got -1$"):
            dataclasses.replace(config, **{field_.name: -1})


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


# ---- a solver of one's own -------------------------------------------------------------------------------------


class Scaled(nnx.Module):
    """The smallest solver: u times one weight, with one hidden feature map."""

    def __init__(self, channels):
        self.hidden_channels = (channels,)
        self.weight = nnx.Param(jnp.ones(()))

    def __call__(self, u, modulate=unmodulated):
        return self.weight[...] * jnp.moveaxis(modulate(0, jnp.moveaxis(u, -1, 0)), 0, -1)

    def scale_output(self, factor):
        self.weight[...] = factor * self.weight[...]


@dataclasses.dataclass(frozen=True)
class ScaledConfig(SolverConfig):
    solver: type = Scaled

    def build(self, in_channels, out_channels, domain, *, rngs):
        return self.solver(in_channels)


class Deaf(Scaled):
    def __call__(self, u, modulate=unmodulated):
        return self.weight[...] * u


class Twice(Scaled):
    def __call__(self, u, modulate=unmodulated):
        return super().__call__(super().__call__(u, modulate), modulate)


class Coarse(Scaled):
    def __call__(self, u, modulate=unmodulated):
        return super().__call__(u, modulate)[:, ::2]


class Alien:
    def __init__(self, channels):
        self.channels = channels


class Bare(nnx.Module):
    def __init__(self, channels):
        self.channels = channels


def test_a_solver_that_meets_the_contract_is_used_as_it_is():
    model = fit(ScaledConfig(), "periodic", outputs=2)
    u = field(2, 8, 2)
    close(apply(model, u), u)


@pytest.mark.parametrize(
    ("solver", "message"),
    [
        (
            Bare,
            "base solver Bare: expected the attributes hidden_channels, scale_output, __call__; see the contract",
        ),
        (
            Alien,
            "base solver Alien: expected an nnx.Module; see the contract BaseSolver in solvers/solver.py",
        ),
        (
            Coarse,
            r"base solver Coarse: expected output of shape \(2, 8, 2\) for input \(2, 8, 2\), got \(2, 4, 2\)",
        ),
        (Deaf, r"base solver Deaf: expected calls of modulate\(i, h\) .* = \[\(0, 2\)\], .*, got \[\]"),
        (Twice, r"base solver Twice: .* got \[\(0, 2\), \(0, 2\)\]; see the contract .* solvers/solver.py"),
    ],
)
def test_a_solver_that_breaks_the_contract_is_refused_in_one_line(solver, message):
    with pytest.raises(ValueError, match=message) as caught:
        fit(ScaledConfig(solver), "periodic", outputs=2)
    assert "\n" not in str(caught.value)


def test_the_number_of_output_channels_is_checked():
    with pytest.raises(ValueError, match=r"expected output of shape \(2, 8, 5\) .* got \(2, 8, 2\)"):
        fit(ScaledConfig(), "periodic", outputs=5)


def test_the_check_changes_no_running_statistics():
    config = SMALL["paper-u-net"]
    domain = domain_of("periodic", points=4)  # one point at the bottom
    model = config.build(1, 1, domain, rngs=nnx.Rngs(0))
    check_contract(model, 1, 1, domain)
    for leaf in (model.bottleneck.norm1.mean[...], model.bottleneck.norm1.var[...] - 1.0):
        np.testing.assert_array_equal(leaf, jnp.zeros_like(leaf))
