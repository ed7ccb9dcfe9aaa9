"""Accumulation and products in bfloat16: the update is that of the whole batch, with weights in float32."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_trainings import CONFIG, TRAINING, fresh

from cape.training.functional_model import weights_of
from cape.training.inputs import Part, Schedule, UpdateInput
from cape.training.objective import Objective
from cape.training.phases import plan_phases
from cape.training.update import initial_state, update, warm_up_update

pytestmark = pytest.mark.usefixtures("standard_promotion")
WHOLE = dataclasses.replace(CONFIG, batch=12, objective=Objective(noise=0.1))


def after(config, *, program=update, updates=3):
    """Return the state and the last measures after a few updates on one batch."""
    surrogate = fresh()
    phases = plan_phases(surrogate, config, TRAINING.samples)
    state = initial_state(*weights_of(surrogate), phases.training, phases.warm_up)
    settings = phases.warm_up if program is warm_up_update else phases.training
    frames, p = jnp.asarray(TRAINING.read()[:12]), jnp.asarray(TRAINING.parameters[:12], jnp.float32)
    for _ in range(updates):
        state, measures = program(settings, jnp.ones(1), state, frames, p, Schedule(jnp.int32(3)))
    return state, measures


def assert_equal_up_to_rounding(found, expected, tolerance=1e-5):
    """Compare losses and the optimisers' moments; Adam makes a large step of a gradient that is rounding."""
    (state, measures), (other, others) = found, expected
    np.testing.assert_allclose(measures.losses.total, others.losses.total, rtol=tolerance)
    np.testing.assert_allclose(measures.gradient_norm, others.gradient_norm, rtol=tolerance)
    moments = [jax.tree.leaves((each["optimiser"], each["warm_up"])) for each in (state, other)]
    assert any(np.abs(b).max() > 0.01 for b in moments[1] if b.ndim)
    for a, b in zip(*moments, strict=True):
        assert np.abs(a - b).max() <= tolerance * np.abs(b).max(initial=1e-6)


@pytest.mark.parametrize(
    "gradients", ["stop_gradient", pytest.param("through_time", marks=pytest.mark.thorough)]
)
@pytest.mark.parametrize("program", [update, pytest.param(warm_up_update, marks=pytest.mark.thorough)])
def test_an_update_in_parts_is_the_update_of_the_whole_batch(program, gradients):
    config = dataclasses.replace(WHOLE, objective=dataclasses.replace(WHOLE.objective, gradients=gradients))
    in_parts = dataclasses.replace(config, accumulate=3)
    assert_equal_up_to_rounding(after(in_parts, program=program), after(config, program=program))


def test_every_trajectory_of_a_part_has_the_noise_that_it_has_in_the_whole_batch():
    whole = UpdateInput(
        jnp.zeros((5, 12, 4, 1)), jnp.zeros((12, 1)), Schedule(jnp.int32(1)), jax.random.key(0), jnp.ones(1)
    )
    part = Part(jnp.int32(1), parts=3, devices=2)
    rows = [2, 3, 8, 9]  # the second third of each device's half
    given = whole._replace(frames=part.of(whole.frames, 1), part=part)
    for shape in [(4, 12, 4, 1), (12, 4, 1)]:
        axis = len(shape) - 3
        expected = np.take(whole.noise(1.0, 7, shape), rows, axis)
        found = given.noise(1.0, 7, (*shape[:axis], 4, *shape[axis + 1 :]))
        np.testing.assert_array_equal(found, expected)


def test_products_of_bfloat16_are_those_of_the_network_and_not_of_its_optimiser_and_heads():
    surrogate = fresh()
    for products, expected in (("float32", 0), ("bfloat16", 1)):
        phases = plan_phases(surrogate, dataclasses.replace(WHOLE, products=products), TRAINING.samples)
        state = initial_state(*weights_of(surrogate), phases.training, phases.warm_up)
        frames, p = jnp.zeros((12, 5, 16, 1)), jnp.ones((12, 1))
        lowered = update.lower(phases.training, jnp.ones(1), state, frames, p, Schedule(jnp.int32(3)))
        lines = [line for line in lowered.as_text().splitlines() if "dot_general" in line]
        rounded = [line for line in lines if "lhs_precision_type = bf16" in line]
        assert all("accumulation_type = f32" in line for line in rounded)
        assert bool(rounded) == bool(expected)
        assert len(rounded) < len(lines)
        assert all("xf32" in line for line in lines)  # master weights and activations stay in float32


def test_parts_divide_the_batch():
    config = dataclasses.replace(WHOLE, accumulate=5)
    with pytest.raises(ValueError, match=r"training\.accumulate: expected a divisor of 12, .* got 5"):
        plan_phases(fresh(), config, TRAINING.samples)
    with pytest.raises(ValueError, match=r"training\.accumulate: expected at least 1, got 0"):
        dataclasses.replace(WHOLE, accumulate=0)
