"""The training objective: losses and gradients against hand-written loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cape.training import curriculum as curricula
from cape.training.losses import relative_l2
from cape.training.objective import Objective, evaluate, evaluate_first_guess, value_and_gradient

TRANSITIONS, BATCH, POINTS = 5, 2, 16
CURRICULA = {  # at 0.6 the transitions are half way
    "teacher forcing": curricula.TeacherForcing(),
    "autoregressive": curricula.Autoregressive(),
    "pushforward": curricula.Pushforward(),
    "pushforward twice": curricula.Pushforward(pushes=2),
    "tanh": curricula.TanhTransition(),
    "linear": curricula.LinearTransition(),
    "cosine": curricula.CosineTransition(),
    "step": curricula.StepTransition(),
}


@pytest.fixture(scope="module")
def ours(tiny):
    """The objective, compiled once for each kind of gradients: (gradients, plan) -> (total, gradients)."""
    both = jax.jit(jax.value_and_grad(evaluate, argnums=2, has_aux=True), static_argnums=(0, 1))

    def compute(gradients, plan, truncate=0):
        objective = Objective(gradients=gradients, truncate=truncate, auxiliary=0.4, noise=0.0, floor=0.0)
        given = tiny.given(plan.autoregressive, plan.pushes)
        (total, _), found = both(objective, tiny.model, tiny.params, tiny.model_state, given)
        return total, found

    return compute


def summed(predictions, frames):
    """Add up the losses of a list of predictions by hand."""
    total = 0.0
    for prediction, truth in zip(predictions, frames[1:], strict=True):
        for predicted, weight in ((prediction.next, 1.0), (prediction.first_guess, 0.4)):
            error = jnp.sqrt(jnp.sum((predicted - truth) ** 2, (1, 2)) / jnp.sum(truth**2, (1, 2)))
            total = total + weight * error.mean()
    return total


def predict_autoregressively(step, params, frames, autoregressive):
    """Predict along a trajectory: the input at frame t is the prediction of it while 1 <= t < autoregressive."""
    predictions = []
    for t in range(TRANSITIONS):
        u = predictions[-1].next if 1 <= t < autoregressive else frames[t]
        predictions.append(step(params, u))
    return predictions


def push_forward(step, params, frames, pushes):
    """List, for every frame t, the prediction `pushes` steps after the truth, or fewer steps near the start."""
    inputs = []
    for t in range(TRANSITIONS):
        u = frames[max(t - pushes, 0)]
        for _ in range(min(pushes, t)):
            u = step(params, u).next
        inputs.append(u)
    return inputs


def assert_close(found, expected):
    """Compare values and gradients to float32 round-off, each leaf against its own largest entry."""
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.abs(np.asarray(a) - np.asarray(b)).max() <= 2e-5 * max(np.abs(np.asarray(b)).max(), 1e-3)


@pytest.mark.parametrize("name", CURRICULA)
def test_stop_gradient_equals_a_loop_without_gradient_through_its_inputs(tiny, ours, step, name):
    plan, frames = CURRICULA[name].plan(0.6, TRANSITIONS), tiny.frames
    if plan.pushes:
        inputs = push_forward(step, tiny.params, frames, plan.pushes)
    else:
        predictions = predict_autoregressively(step, tiny.params, frames, plan.autoregressive)
        predicted = [1 <= t < plan.autoregressive for t in range(TRANSITIONS)]
        inputs = [predictions[t - 1].next if predicted[t] else frames[t] for t in range(TRANSITIONS)]

    def loop(params):
        return summed([step(params, u) for u in inputs], frames)

    assert_close(ours("stop_gradient", plan), jax.value_and_grad(loop)(tiny.params))


@pytest.mark.parametrize("name", [name for name in CURRICULA if "pushforward" not in name])
def test_through_time_equals_the_gradient_of_an_unrolled_loop(tiny, ours, step, name):
    plan = CURRICULA[name].plan(0.6, TRANSITIONS)

    def loop(params):
        return summed(predict_autoregressively(step, params, tiny.frames, plan.autoregressive), tiny.frames)

    assert_close(ours("through_time", plan), jax.value_and_grad(loop)(tiny.params))


def test_with_teacher_forcing_both_gradients_are_equal(ours):
    plan = curricula.Plan(autoregressive=1)
    assert_close(ours("stop_gradient", plan), ours("through_time", plan))


def test_with_autoregressive_inputs_the_losses_are_equal_and_the_gradients_are_not(ours):
    plan = curricula.Plan(autoregressive=TRANSITIONS)
    stopped, through = (ours(gradients, plan) for gradients in ("stop_gradient", "through_time"))
    assert_close(stopped[0], through[0])
    with pytest.raises(AssertionError):
        assert_close(stopped[1], through[1])


@pytest.mark.thorough
def test_truncated_gradients_are_those_of_a_loop_that_stops_them_after_every_second_step(tiny, ours, step):
    plan, frames = curricula.Plan(autoregressive=TRANSITIONS), tiny.frames

    def loop(params):
        predictions = []
        for t in range(TRANSITIONS):
            u = predictions[-1].next if t else frames[0]
            predictions.append(step(params, u if t % 2 else jax.lax.stop_gradient(u)))
        return summed(predictions, frames)

    assert_close(ours("through_time", plan, truncate=2), jax.value_and_grad(loop)(tiny.params))
    every, never = (ours("through_time", plan, truncate=n)[1] for n in (1, TRANSITIONS))
    assert_close(every, ours("stop_gradient", plan)[1])
    assert_close(never, ours("through_time", plan)[1])


def test_the_warm_up_objective_is_the_loss_of_the_first_guess_on_true_inputs(tiny, step):
    objective = Objective(noise=0.0, floor=0.0)
    first_guess = jax.jit(evaluate_first_guess, static_argnums=(0, 1))
    total, (losses, _) = first_guess(objective, tiny.model, tiny.params, tiny.model_state, tiny.given())
    guesses = jnp.stack([step(tiny.params, u).first_guess for u in tiny.frames[:-1]])
    assert_close(total, relative_l2(guesses, tiny.frames[1:], leading=2).mean(1).sum())
    assert total == losses.auxiliary


def test_the_published_auxiliary_loss_is_a_sum_of_running_sums_without_the_last_step(tiny, step):
    objective = Objective(auxiliary=0.4, auxiliary_accumulates=True, noise=0.0, floor=0.0)
    compiled = jax.jit(evaluate, static_argnums=(0, 1))
    total, (losses, _) = compiled(objective, tiny.model, tiny.params, tiny.model_state, tiny.given())
    guesses = jnp.stack([step(tiny.params, u).first_guess for u in tiny.frames[:-1]])
    each = [float(e) for e in relative_l2(guesses, tiny.frames[1:], leading=2).mean(1)]
    running = [sum(each[: t + 1]) for t in range(TRANSITIONS - 1)]
    assert float(losses.auxiliary) == pytest.approx(running[-1], rel=1e-5)
    assert float(total - losses.prediction) == pytest.approx(0.4 * sum(running), rel=1e-4)


@pytest.mark.parametrize("accumulates", [pytest.param(False, marks=pytest.mark.thorough), True])
def test_a_few_steps_at_a_time_give_the_loss_and_gradient_of_all_at_once(tiny, monkeypatch, accumulates):
    objective = Objective(auxiliary=0.4, noise=0.1, auxiliary_accumulates=accumulates)
    arguments = (objective, tiny.model, tiny.params, tiny.model_state, tiny.given(autoregressive=3))
    at_once = jax.jit(jax.value_and_grad(evaluate, argnums=2, has_aux=True), static_argnums=(0, 1))
    (_, (whole, _)), expected = at_once(*arguments)
    monkeypatch.setattr("cape.training.objective._POINTS_IN_CACHE", BATCH * POINTS)  # one step at a time
    monkeypatch.setattr("jax.default_backend", lambda: "cpu")
    losses, _, grads = jax.jit(value_and_gradient, static_argnums=(0, 1))(*arguments)
    for a, b in zip(losses, whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), grads, expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise": -1.0}, "objective.noise: expected at least 0"),
        ({"auxiliary": -1.0}, "objective.auxiliary: expected at least 0"),
        ({"truncate": 2}, 'objective.truncate: .* set gradients = "through_time"'),
    ],
)
def test_impossible_objectives_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Objective(**settings)
