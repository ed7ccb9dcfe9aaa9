"""An identified equation on grids that are finer than the training grid."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_surrogates import problem_of

from cape.identification.equation import IdentifiedEquation, advance
from cape.identification.step import step, substeps_on_grid
from cape.identification.terms import WAVE_NUMBER_UNIT, Factor, Term, axes_of

POINTS, SUBSTEPS, STEPS = 32, 4, 40
TRANSPORT = Term(0, (Factor(0, (0,)), Factor(0, (1,))))
# The largest retained wave number, 10 of the training grid, turns by 2.4 in a substep; the scheme is stable up to 2.8.
SPEED = 2.4 * SUBSTEPS / 10 * WAVE_NUMBER_UNIT
COEFFICIENTS = jnp.full((1, 1), -SPEED, jnp.float32)
EQUATION = IdentifiedEquation("linear", (TRANSPORT,), ((-SPEED, 0.0),), SUBSTEPS, 0.0, (1.0,), 0.1)
PROBLEM = problem_of("burgers", points=POINTS)


def field(points: int) -> jax.Array:
    """A wave on a uniform flow of speed 1."""
    x = (np.arange(points) + 0.5) / points
    return jnp.asarray(1 + 1e-3 * np.cos(2 * np.pi * 3 * x), jnp.float32)[None, :, None]


def after(points: int, one) -> jax.Array:
    return jax.lax.fori_loop(0, STEPS, lambda _, u: one(u), field(points))


@pytest.mark.parametrize("points", [POINTS, 2 * POINTS, 3 * POINTS])
def test_rollouts_are_stable_on_finer_grids(points):
    last = after(points, lambda u: advance(EQUATION, PROBLEM, u, COEFFICIENTS))
    turned = 3 * SPEED / WAVE_NUMBER_UNIT * STEPS
    x = (np.arange(points) + 0.5) / points
    expected = 1 + 1e-3 * np.cos(2 * np.pi * 3 * x - turned)
    np.testing.assert_allclose(
        last[0, :, 0], expected, atol=3e-4
    )  # waves steepen, which the closed form leaves out


def test_the_number_of_the_training_grid_is_too_small_for_a_finer_grid():
    on = axes_of(PROBLEM.boundaries, PROBLEM.resolution)
    last = after(2 * POINTS, lambda u: step(EQUATION.terms, on, SUBSTEPS, u, COEFFICIENTS))
    assert not float(jnp.abs(last - 1).max()) < 0.1


@pytest.mark.parametrize(
    ("space", "expected"), [((32, 32), 8), ((64, 32), 16), ((32, 48), 12), ((33, 33), 9), ((16, 16), 8)]
)
def test_the_number_follows_the_finest_axis_and_never_falls(space, expected):
    assert substeps_on_grid(8, space, (32, 32)) == expected
    assert int(substeps_on_grid(jnp.int32(8), space, (32, 32))) == expected


@pytest.mark.thorough
def test_an_exported_program_takes_the_number_of_its_grid():
    (points,) = jax.export.symbolic_shape("2*n")
    shape = jax.ShapeDtypeStruct((1, points, 1), jnp.float32)
    program = jax.export.export(jax.jit(lambda u: advance(EQUATION, PROBLEM, u, COEFFICIENTS)))(shape)
    for size in (POINTS, 2 * POINTS):
        direct = advance(EQUATION, PROBLEM, field(size), COEFFICIENTS)
        np.testing.assert_allclose(program.call(field(size)), direct, atol=1e-5)
