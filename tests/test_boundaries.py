"""Base solvers on domains that end: mirrored transforms, continued stencils, positions."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cape.models import FNO as FNOConfig
from cape.models import FactorisedFNO as FactorisedFNOConfig
from cape.models import PaperFNO
from cape.problem import Problem
from cape.solvers.convnext_unet import ConvNextUNet
from cape.solvers.factorised_fno import FactorisedFNO
from cape.solvers.fno import FNO
from cape.solvers.message_passing import MessagePassing
from cape.solvers.positions import Positioned, positions
from cape.solvers.spectral import SpectralConvolution
from cape.solvers.unet import UNet

RANDOM = np.random.default_rng(0)


def field(*shape):
    return jnp.asarray(RANDOM.normal(size=shape), jnp.float32)


@nnx.jit
def apply(model, u):
    return model(u)


def close(a, b, tolerance=1e-5):
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(np.asarray(b)).max())


def unfold(u, mirrored):
    """Put the mirror image behind the field along every mirrored axis."""
    for axis, twice in enumerate(mirrored, start=1):
        u = jnp.concatenate([u, jnp.flip(u, axis)], axis) if twice else u
    return u


@pytest.mark.parametrize(
    ("space", "mirrored"),
    [((16,), (True,)), ((7,), (True,)), ((8, 6), (True, True)), ((8, 6), (False, True)), ((8, 6), (True, False))],
)  # fmt: skip
def test_folded_matrices_equal_the_transform_of_the_mirror_image(space, mirrored):
    plain, folded = (
        SpectralConvolution(
            2, 3, 4, dimension=len(space), overwrite=False, spread=1.0, mirrored=m, rngs=nnx.Rngs(0)
        )
        for m in (None, mirrored)
    )
    u = field(2, *space, 2)
    whole = apply(plain, unfold(u, mirrored))
    close(apply(folded, u), whole[(slice(None), *(slice(n) for n in space))])
    with pytest.raises(ValueError, match="expected mirrored"):
        SpectralConvolution(2, 3, 4, dimension=1, mirrored=(True, True), rngs=nnx.Rngs(0))


SOLVERS = [
    (FNO, {"width": 8, "modes": 3, "layers": 2, "projection": 8, "kernel": 5, "spread": 0.1}),
    (FactorisedFNO, {"width": 8, "modes": 3, "layers": 2, "projection": 8, "kernel": 5}),
    (UNet, {"features": 8, "levels": 1}),
    (ConvNextUNet, {"features": 8, "levels": 1, "kernel": 7}),
    (MessagePassing, {"width": 8, "layers": 2, "radius": 2}),
]
NO_PYRAMIDS = [SOLVERS[0], SOLVERS[1], SOLVERS[4]]  # a transposed convolution tells odd points from even ones


@pytest.mark.parametrize(("solver", "options"), NO_PYRAMIDS, ids=lambda s: getattr(s, "__name__", ""))
def test_a_uniform_field_between_walls_stays_uniform(solver, options):
    """Nothing jumps at the wall, where zeros beyond it would make a layer."""
    uniform = jnp.full((1, 12, 1), 1.7)
    y = apply(solver(1, 1, boundaries=("wall",), **options, rngs=nnx.Rngs(0)), uniform)
    close(y, jnp.full_like(y, float(y.mean())))
    padded = solver(1, 1, boundaries=("zeros",), **options, rngs=nnx.Rngs(0))
    assert np.ptp(np.asarray(apply(padded, uniform))) > 1e-4 * float(abs(y).max())


@pytest.mark.parametrize(("solver", "options"), SOLVERS, ids=lambda s: getattr(s, "__name__", ""))
def test_no_end_sees_the_other_one_around_the_corner(solver, options):
    """Steep at one end: a periodic solver carries it to the other end at once, one with walls hardly or not."""
    change = {}
    u = jnp.zeros((1, 64, 1))
    bump = u.at[0, 0, 0].set(1.0)
    for kind in ("wall", "periodic"):
        model = solver(1, 1, boundaries=(kind,), **options, rngs=nnx.Rngs(0))
        change[kind] = np.abs(apply(model, bump) - apply(model, u))[0, -3:, 0].max()
    assert change["wall"] < 0.5 * change["periodic"]


@pytest.mark.parametrize("solver", [FNO, FactorisedFNO])
def test_between_walls_it_is_the_same_function_on_a_finer_grid(solver):
    model = solver(1, 1, boundaries=("wall",), width=8, modes=5, layers=3, rngs=nnx.Rngs(0))

    def at_cells(n):
        x = (np.arange(n) + 0.5) / n
        return jnp.asarray(0.3 + np.cos(np.pi * x) + 0.5 * np.cos(3 * np.pi * x), jnp.float32)[None, :, None]

    coarse, fine = (np.asarray(apply(model, at_cells(n)), float) for n in (64, 192))
    close(fine[:, 1::3], coarse, 1e-3)  # every third cell of the finer grid has the centre of a coarser one


def test_positions_are_the_same_places_on_every_grid():
    where = positions((4, 6), ("periodic", "wall"))
    assert where.shape == (4, 6, 1)
    np.testing.assert_allclose(where[2, :, 0], (np.arange(6) + 0.5) / 6, rtol=1e-6)
    np.testing.assert_array_equal(positions((12,), ("outgoing",))[1::3], positions((4,), ("outgoing",)))


def test_a_solver_that_sees_where_it_is_keeps_its_interface():
    def build(channels):
        return FNO(channels, 1, boundaries=("wall", "periodic"), width=4, modes=2, layers=2, rngs=nnx.Rngs(0))

    model = Positioned(2, boundaries=("wall", "periodic"), build=build)
    assert model.hidden_channels == (4, 4) and model.out is model.solver.out
    u, seen = jnp.zeros((2, 6, 8, 2)), []

    def modulate(i, h):
        seen.append(i)
        return h

    y = nnx.jit(lambda model, u: model(u, modulate))(model, u)
    assert y.shape == (2, 6, 8, 1) and seen == [0, 1]
    assert np.ptp(np.asarray(y)[0, :, 0, 0]) > 0  # it tells the places between walls apart
    close(y, jnp.broadcast_to(y[:, :, :1], y.shape))  # and not those around the periodic axis
    with pytest.raises(ValueError, match="expected u of shape"):
        model(jnp.zeros((2, 6, 8, 3)))
    with pytest.raises(ValueError, match="axis that is not periodic"):
        Positioned(2, boundaries=("periodic",), build=build)


def test_configs_choose_by_the_boundaries_of_the_problem():
    def problem(*boundaries):
        axes = len(boundaries)
        return Problem(
            equation="unknown",
            channels=("u",),
            parameters=(),
            boundaries=boundaries,
            resolution=(8,) * axes,
            origin=(0.0,) * axes,
            length=(1.0,) * axes,
            dt=0.1,
            steps=2,
            channel_mean=(0.0,),
            channel_std=(1.0,),
            low=(),
            high=(),
        )

    for config in (FNOConfig(width=4, modes=2, layers=1), FactorisedFNOConfig(width=4, modes=2, layers=1)):
        periodic = config.build(problem("periodic", "periodic"), nnx.Rngs(0))(1, 1)
        mixed = config.build(problem("wall", "periodic"), nnx.Rngs(0))(1, 1)
        assert isinstance(mixed, Positioned) and type(mixed.solver) is type(periodic)
        assert mixed.solver.in_channels == 2 and mixed.solver.boundaries == ("wall", "periodic")
    published = PaperFNO(width=4, modes=2, layers=1).build(problem("wall"), nnx.Rngs(0))(1, 1)
    assert published.spectral[0].mirrored == (False,) and published.pad == 2
