"""Steps of an identified equation in updates: computed once for an input and all members, with the same result."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from divided_space import CASES, SAMPLES, surrogate_of, trajectories

from cape.training import functional_model
from cape.training.config import TrainingConfig
from cape.training.functional_model import weights_of
from cape.training.inputs import Schedule, UpdateInput
from cape.training.objective import Objective, value_and_gradient
from cape.training.phases import plan_phases
from cape.training.update import initial_state, update

pytestmark = pytest.mark.usefixtures("standard_promotion")

CASE = dataclasses.replace(CASES["positions and equation"], grid=(8, 6))
DATA = trajectories(CASE)


@pytest.mark.parametrize(
    ("gradients", "pushes"),
    [
        ("stop_gradient", None),
        pytest.param("stop_gradient", 1, marks=pytest.mark.thorough),
        pytest.param("through_time", None, marks=pytest.mark.thorough),
    ],
)
def test_losses_and_gradients_are_those_of_whole_steps(gradients, pushes):
    surrogate = surrogate_of(CASE, DATA)
    objective = Objective(gradients=gradients)
    model = plan_phases(surrogate, TrainingConfig(batch=SAMPLES), SAMPLES).training.model
    assert model.equation is not None
    schedule = Schedule(jnp.int32(2), None if pushes is None else jnp.int32(pushes))
    given = UpdateInput(
        jnp.moveaxis(jnp.asarray(DATA.read()), 1, 0),
        jnp.asarray(DATA.parameters, jnp.float32),
        schedule,
        jax.random.key(0),
        jnp.ones(1, jnp.float32),
    )
    (losses, _, gradient), (expected, _, steeper) = (
        jax.jit(value_and_gradient, static_argnums=(0, 1))(objective, each, *weights_of(surrogate), given)
        for each in (model, model._replace(equation=None))
    )
    np.testing.assert_allclose(losses.total, expected.total, rtol=1e-5)
    largest = max(np.linalg.norm(each) for each in jax.tree.leaves(steeper))
    for found, whole in zip(jax.tree.leaves(gradient), jax.tree.leaves(steeper), strict=True):
        assert np.linalg.norm(found - whole) < 1e-5 * max(np.linalg.norm(whole), 0.01 * largest)


@pytest.mark.thorough
def test_members_share_the_steps_from_true_frames(monkeypatch):
    sizes, advance = [], functional_model.advance

    def counting(equation, problem, u, c):
        sizes.append(len(u))
        return advance(equation, problem, u, c)

    monkeypatch.setattr(functional_model, "advance", counting)
    surrogate = surrogate_of(dataclasses.replace(CASE, members=2), DATA)
    config = TrainingConfig(batch=SAMPLES, member_share=0.5)
    phases = plan_phases(surrogate, config, SAMPLES)
    state = initial_state(*weights_of(surrogate), phases.training, phases.warm_up)
    frames, p = jnp.asarray(DATA.read()), jnp.asarray(DATA.parameters, jnp.float32)
    update.lower(phases.training, jnp.ones(1, jnp.float32), state, frames, p, Schedule(jnp.int32(2)))
    of_all, *others = sizes  # the batch of all members, then what each predicted from its half
    assert of_all == SAMPLES
    assert others and set(others) == {SAMPLES // 2}


@pytest.mark.thorough
def test_an_accelerator_advances_all_inputs_at_once(monkeypatch):
    surrogate = surrogate_of(CASE, DATA)
    model = plan_phases(surrogate, TrainingConfig(batch=SAMPLES), SAMPLES).training.model
    inputs, p = jnp.moveaxis(jnp.asarray(DATA.read()), 1, 0), jnp.asarray(DATA.parameters, jnp.float32)
    one_by_one = model.advance_all(inputs, p)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    np.testing.assert_allclose(model.advance_all(inputs, p), one_by_one, rtol=1e-5, atol=1e-5)
    assert np.abs(np.asarray(one_by_one - inputs)).max() > 1e-2  # the equation changes them
