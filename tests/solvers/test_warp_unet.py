"""The U-Net of warps: any grid, any boundary, one sample alone, its displacements, and how parameters enter them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_solvers import SMALL, domain_of, fit
from small_surrogates import problem_of
from solver_checks import apply, close, field

from cape.model.conditionings.cape import CAPEConfig
from cape.model.conditionings.film import FiLMConfig
from cape.model.parameter_powers import ParameterPowers
from cape.solvers.fno import FNOConfig
from cape.solvers.layers.resampling import cut, to_even
from cape.solvers.solver import displacement_maps
from cape.solvers.warp_unet import WarpUNet, WarpUNetConfig


def model_of(*boundaries, **options):
    settings = {"width": 2, "levels": 2, "heads": 2} | options
    return WarpUNet(2, 3, boundaries=boundaries, **settings, rngs=nnx.Rngs(0))


GRIDS = [
    (("periodic",), (1,)),
    (("wall",), (13,)),
    (("periodic", "outgoing"), (7, 12)),
    (("wall", "periodic"), (1, 9)),
    (("periodic", "wall", "periodic"), (5, 1, 3)),
]


@pytest.mark.parametrize(
    ("boundaries", "points", "largest"),
    [
        (*GRIDS[2], 2),
        *(pytest.param(*GRIDS[n], 0, marks=pytest.mark.thorough) for n in (0, 1, 2, 3, 4)),
        *(pytest.param(*GRIDS[n], 2, marks=pytest.mark.thorough) for n in (0, 1, 3, 4)),
    ],
)
def test_any_grid_will_do_with_finite_gradients(boundaries, points, largest):
    model, u = model_of(*boundaries, largest=largest), field(2, *points, 2)
    value, gradient = nnx.jit(nnx.value_and_grad(lambda m, u: jnp.mean(m(u) ** 2)))(model, u)
    assert np.isfinite(value) and all(np.isfinite(g).all() for g in jax.tree.leaves(gradient))


@pytest.mark.parametrize("largest", [pytest.param(0, marks=pytest.mark.thorough), 2])
def test_one_sample_that_blows_up_loses_only_itself(largest):
    model, u = model_of("periodic", "wall", largest=largest), field(3, 8, 6, 2)
    alone = apply(model, u)
    for bad in (jnp.nan, jnp.inf, 1e30):
        y = apply(model, u.at[1].set(bad))
        close(y[::2], alone[::2])


@pytest.mark.thorough
def test_displacements_of_many_domain_lengths_keep_the_solver_finite():
    model, u = model_of("periodic", "wall", largest=0), field(2, 8, 6, 2)
    for block in (*model.encoders, model.bottleneck, *model.decoders):
        block.displacement.weight[...] = 1e4 * block.displacement.weight[...]
    value, gradient = nnx.jit(nnx.value_and_grad(lambda m, u: jnp.mean(m(u) ** 2)))(model, u)
    assert np.isfinite(value) and all(np.isfinite(g).all() for g in jax.tree.leaves(gradient))


def test_without_coarsening_a_block_moves_heads_by_their_displacement():
    """With the identity for the mixes, the block's warp is a shift of every head."""
    block = model_of("periodic", "periodic", coarsening=0).encoders[0]
    for mix in block.mixes:
        mix.weight[...] = jnp.eye(4)
    h = field(4, 1, 6, 6)
    s = jnp.asarray([1.0, -1.0, 0.0, 2.0])[:, None, None, None] * jnp.ones((4, 1, 6, 6))
    block.largest = 0  # unbounded: the displacement is not softened
    moved = block._warp(h, s)
    for channel, cells in enumerate([(1, 0), (-1, 2), (1, 0), (-1, 2)]):
        close(moved[channel], jnp.roll(h[channel], cells, (1, 2)))


def test_an_odd_axis_is_continued_by_its_boundary_and_cut_again():
    h = field(1, 1, 3, 5)
    even = to_even(h, ("periodic", "wall"))
    assert even.shape == (1, 1, 4, 6)
    close(even[:, :, 3, :5], h[:, :, 0])
    close(even[:, :, :3, 5], h[..., 4])
    close(cut(even, (3, 5)), h)


# ---- parameters in displacements -----------------------------------------------------------------------------


def test_displacements_are_known_through_wrappers_and_other_solvers_have_none():
    bounded = fit(SMALL["warp-u-net"], "wall", "periodic")
    assert displacement_maps(bounded) == tuple(range(0, len(bounded.hidden_channels), 2))
    assert all(bounded.hidden_channels[i] == 4 for i in displacement_maps(bounded))  # 2 heads along 2 axes
    assert displacement_maps(fit(SMALL["fno"], "wall")) == ()


def test_gains_are_powers_of_the_parameters_and_offsets_are_linear():
    problem = problem_of("burgers", points=8, low=(0.01,), high=(1.0,))
    powers = ParameterPowers(problem, (2, 1))
    p = jnp.asarray([[0.01], [0.1], [1.0], [2.0]])
    for vectors, channels in zip(powers.vectors(p), (2, 1), strict=True):
        assert vectors.shape == (4, 2 * channels) and not vectors.any()
    half = np.log(100) / 2
    powers.exponent[...] = jnp.asarray([[2 * half, half, 0.0]])  # p², p and 1, but for a factor
    powers.drift[...] = jnp.asarray([[0.0, 0.5, -1.0]])
    (gain, drift), (_, other_drift) = (jnp.split(v, 2, -1) for v in powers.vectors(p))
    close((1 + gain)[:, 0], (p[:, 0] / 0.1) ** 2, 1e-5)
    close((1 + gain)[:, 1], p[:, 0] / 0.1, 1e-5)
    close(drift[:, 1], 0.5 * p[:, 0])
    close(other_drift[:, 0], -p[:, 0])
    extremes = powers.vectors(jnp.asarray([[0.0], [1e30]]))[0]
    assert np.isfinite(extremes).all() and np.abs(extremes[:, 0]).max() < 404.0  # e⁶, the largest gain


def test_cape_gives_powers_to_displacements_and_attention_to_all_other_maps():
    problem = problem_of("burgers", points=8, low=(0.01,), high=(1.0,))

    def build(config, base):
        return config.build(
            problem, lambda i, o: base.build(i, o, domain_of("periodic"), rngs=nnx.Rngs(0)), rngs=nnx.Rngs(1)
        )

    model = build(CAPEConfig(heads=2, width=4), SMALL["warp-u-net"])
    p = jnp.asarray([[0.05], [0.5]])
    _, vectors = model.prepare(p)
    assert [v.shape[1] // 2 for v in vectors] == list(model.base.hidden_channels)
    for i, v in enumerate(vectors):
        assert (np.abs(v).max() == 0) == (i in model.moved)
    assert build(CAPEConfig(heads=2, width=4), FNOConfig(width=4, modes=2, layers=1)).powers is None
    film = build(FiLMConfig(4), SMALL["warp-u-net"])
    assert len(film.prepare(p)) == len(film.base.hidden_channels)


@pytest.mark.thorough
def test_the_default_fits_small_grids_and_its_size_follows_the_width():
    config = WarpUNetConfig()
    build = dataclasses.replace(config, width=2)
    assert fit(build, "periodic").hidden_channels[1] == 2 * 4 * build.expansion
    assert apply(fit(build, "wall"), field(1, 3, 2)).shape == (1, 3, 3)
