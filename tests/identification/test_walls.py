"""Fields that are zero at walls."""

import jax.numpy as jnp
import numpy as np
import pytest

from cape.datasets.arrays import from_arrays
from cape.identification.equation import advance, coefficients
from cape.identification.identify import identify
from cape.identification.step import step
from cape.identification.terms import Factor, Term, axes_of, force_terms, linear_terms, product_terms
from cape.identification.text import equation_text
from cape.identification.walls import zero_at_walls
from cape.problem import Problem

POINTS = 32
X = (np.arange(POINTS) + 0.5) / POINTS


def series(shape, modes=6, seed=0):
    """Return random sums of sines or cosines (`shape`) of the wall-bounded unit interval, [sample, x]."""
    weights = np.random.default_rng(seed).normal(size=(12, modes)) / np.arange(1, modes + 1)
    return weights @ shape(np.pi * np.arange(1, modes + 1)[:, None] * X)


def heat(values):
    """Return trajectories of u_t = a u_xx with u = 0 at both walls, by sine series."""
    k = np.pi * np.arange(1, 7)
    weights = np.random.default_rng(1).normal(size=(len(values), 6, 6)) / np.arange(1, 7)
    times = 0.1 * np.arange(6)
    decay = np.exp(-np.array(values)[:, None, None, None] * times[:, None] * k**2)
    u = (weights[:, :, None] * decay) @ np.sin(k[:, None] * X)
    return from_arrays(
        u.reshape(-1, 6, POINTS, 1),
        {"a": np.repeat(values, 6)},
        times=times,
        dx=1 / POINTS,
        channels=["u0"],
        boundaries="wall",
    )


@pytest.mark.parametrize(("shape", "odd"), [(np.sin, (True,)), (np.cos, ())])
def test_fields_that_are_zero_at_walls_are_told_from_those_without_slope(shape, odd):
    assert zero_at_walls(series(shape)[:, None, :, None], [False]) == odd
    assert zero_at_walls(series(shape)[:, None, :, None], [True]) == ()


def test_channels_are_told_apart():
    u = np.stack([series(np.cos), series(np.sin)], -1)[:, None]
    assert zero_at_walls(u, [False]) == (False, True)


def test_nothing_is_zero_at_walls_with_a_single_point_between_them():
    assert zero_at_walls(np.ones((2, 3, 1, 1)), [False]) == ()
    assert zero_at_walls(series(np.sin)[:, None, :, None, None], [False, False]) == ()


def test_walls_keep_the_sines_of_diffusion():
    on = axes_of(["wall"], [POINTS], (True,))
    u = jnp.asarray(np.sin(3 * np.pi * X)[None, :, None], jnp.float32)
    after = step((Term(0, (Factor(0, (2,)),)),), on, 1, u, jnp.full((1, 1), 0.5, jnp.float32))
    np.testing.assert_allclose(after, u * np.exp(-0.5 * (3 / 16) ** 2), atol=1e-5)


def test_terms_keep_the_symmetry_of_their_channel():
    assert {t.factors[0].powers for t in linear_terms(1, [False], (True,))} == {(0,), (2,), (4,)}
    powers = [tuple(f.powers for f in t.factors) for t in product_terms(1, [False], (True,))]
    assert ((0,), (1,)) in powers and ((0,), (0,)) not in powers and ((0,), (0,), (0,)) in powers
    crossed = [t for t in linear_terms(2, [False], (False, True)) if t.output != t.factors[0].channel]
    assert {t.factors[0].powers for t in crossed} == {(1,), (3,)}
    assert {t.output for t in force_terms(2, [False], (False, True))} == {0}
    assert not force_terms(1, [False], (True,))


def test_an_equation_of_fields_that_are_zero_at_walls_is_found_and_holds_outside_the_range():
    data, unseen = heat([0.01, 0.02, 0.04]), heat([0.005, 0.08])
    problem = Problem.of(data)
    equation = identify(data, problem)
    assert equation.odd == (True,)
    assert equation_text(equation, problem) == "∂u0/∂t = a ∂xx u0"
    u = unseen.read()
    c = coefficients(equation, problem, jnp.asarray(unseen.parameters, jnp.float32))
    after = np.asarray(advance(equation, problem, jnp.asarray(u[:, 0], jnp.float32), c))
    assert np.abs(after - u[:, 1]).max() < 1e-3 * problem.channel_std[0]
