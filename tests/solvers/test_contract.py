"""The contract that a base solver meets, and the wrappers that a domain needs."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_solvers import SMALL, domain_of, fit
from solver_checks import apply, close, field

from cape.paper.fno import PaperFNO
from cape.solvers.bounded import Bounded
from cape.solvers.fitted import check_contract, fitted
from cape.solvers.fno import FNO
from cape.solvers.position_channels import PositionChannels
from cape.solvers.solver import BaseSolver, SolverConfig, unmodulated

BOUNDED = {"fno", "factorised-fno", "u-net", "convnext-u-net", "message-passing", "warp-u-net"}


@pytest.mark.parametrize(
    "boundaries",
    [
        *(pytest.param((boundary,), marks=pytest.mark.thorough) for boundary in ("periodic", "wall")),
        ("outgoing", "periodic"),
    ],
)
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


# ---- solvers of a user --------------------------------------------------------------------------------------


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


def test_a_solver_can_be_built_without_drawing_weights():
    for name in ("fno", "paper-u-net"):
        real, abstract = fit(SMALL[name], "wall"), nnx.eval_shape(lambda name=name: fit(SMALL[name], "wall"))
        shapes = [[leaf.shape for _, leaf in nnx.to_flat_state(nnx.state(m))] for m in (real, abstract)]
        assert shapes[0] == shapes[1]


def test_the_check_changes_no_running_statistics():
    config = SMALL["paper-u-net"]
    domain = domain_of("periodic", points=4)  # one point at the bottom
    model = config.build(1, 1, domain, rngs=nnx.Rngs(0))
    check_contract(model, 1, 1, domain)
    for leaf in (model.bottleneck.norm1.mean[...], model.bottleneck.norm1.var[...] - 1.0):
        np.testing.assert_array_equal(leaf, jnp.zeros_like(leaf))
