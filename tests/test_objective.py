"""The training objective, loss and gradient, against hand-written loops; curricula; noise."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cape.model.config import FNO, Cape, ModelConfig
from cape.problem import Problem
from cape.surrogate import Surrogate
from cape.training import curriculum as curricula
from cape.training.fit import TrainingConfig
from cape.training.losses import relative_l2
from cape.training.objective import (
    Model,
    Objective,
    Schedule,
    evaluate,
    evaluate_guess,
    frame_errors,
    make_inputs,
    value_and_gradient,
)

TRANSITIONS, BATCH, POINTS = 5, 2, 16
PROBLEM = Problem(
    equation="unknown",
    channels=("u",),
    parameters=("nu",),
    boundaries=("periodic",),
    resolution=(POINTS,),
    origin=(0.0,),
    length=(1.0,),
    dt=0.1,
    steps=TRANSITIONS,
    channel_mean=(0.3,),
    channel_std=(2.0,),
    low=(0.1,),
    high=(1.0,),
)
SCALE = jnp.asarray([2.0])
PLANS = {  # at 0.6 the transitions are half way
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
def tiny():
    """A model as pure functions, its weights, and a batch of trajectories: (model, params, rest, frames, p)."""
    base = FNO(width=4, modes=3, layers=1, projection=4, kernel=3)
    config = ModelConfig(base, Cape(heads=2, width=4))
    surrogate = Surrogate(PROBLEM, config, rngs=nnx.Rngs(0))
    graphdef, params, rest = nnx.split(surrogate, nnx.Param, ...)
    # away from its small start, so that what is fed back matters
    params = jax.tree.map(lambda a: 1.5 * a, nnx.to_pure_dict(params))
    frames = jax.random.normal(jax.random.key(1), (TRANSITIONS + 1, BATCH, POINTS, 1))
    return Model(graphdef), params, nnx.to_pure_dict(rest), frames, jnp.asarray([[0.2], [0.9]])


def schedule_of(plan):
    return Schedule(jnp.int32(plan.feedback), jnp.int32(plan.pushes))


@pytest.fixture(scope="module")
def ours(tiny):
    """Compile the objective once for each kind of gradients: (kind, plan) -> ((total, (losses, rest)), gradients)."""
    model, params, rest, frames, p = tiny
    both = jax.jit(jax.value_and_grad(evaluate, argnums=2, has_aux=True), static_argnums=(0, 1))

    def compute(gradients, plan, truncate=0):
        objective = Objective(gradients=gradients, truncate=truncate, auxiliary=0.4, noise=0.0, floor=0.0)
        key = jax.random.key(0)
        return both(objective, model, params, rest, frames, p, schedule_of(plan), key, SCALE)

    return compute


@pytest.fixture(scope="module")
def step(tiny):
    """One step, compiled once: (params, u) -> Prediction."""
    model, _, rest, _, p = tiny
    return jax.jit(lambda params, u: model.predict(params, rest, u, model.prepare(params, rest, p))[0])


def summed(predictions, frames):
    """Add up the losses of a list of predictions by hand."""
    total = 0.0
    for prediction, truth in zip(predictions, frames[1:], strict=True):
        for guess, weight in ((prediction.next, 1.0), (prediction.auxiliary, 0.4)):
            error = jnp.sqrt(jnp.sum((guess - truth) ** 2, (1, 2)) / jnp.sum(truth**2, (1, 2)))
            total = total + weight * error.mean()
    return total


def fed_back(step, params, frames, feedback):
    """Predict along a trajectory: the input at frame t is the prediction of it while 1 <= t < feedback."""
    predictions = []
    for t in range(TRANSITIONS):
        u = predictions[-1].next if 1 <= t < feedback else frames[t]
        predictions.append(step(params, u))
    return predictions


def pushed(step, params, frames, pushes):
    """List, for every frame t, the prediction `pushes` steps on from the truth, as far back as there is any."""
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


@pytest.mark.parametrize("name", PLANS)
def test_cut_equals_a_loop_without_gradient_through_its_inputs(tiny, ours, step, name):
    _, params, _, frames, _ = tiny
    plan = PLANS[name].plan(0.6, TRANSITIONS)
    if plan.pushes:
        inputs = pushed(step, params, frames, plan.pushes)
    else:
        predictions = fed_back(step, params, frames, plan.feedback)
        own = [1 <= t < plan.feedback for t in range(TRANSITIONS)]
        inputs = [predictions[t - 1].next if own[t] else frames[t] for t in range(TRANSITIONS)]

    def loop(params):
        return summed([step(params, u) for u in inputs], frames)

    (total, _), gradients = ours("cut", plan)
    assert_close((total, gradients), jax.value_and_grad(loop)(params))


@pytest.mark.parametrize("name", [name for name in PLANS if "pushforward" not in name])
def test_through_time_equals_the_gradient_of_an_unrolled_loop(tiny, ours, step, name):
    _, params, _, frames, _ = tiny
    plan = PLANS[name].plan(0.6, TRANSITIONS)

    def loop(params):
        return summed(fed_back(step, params, frames, plan.feedback), frames)

    (total, _), gradients = ours("through_time", plan)
    assert_close((total, gradients), jax.value_and_grad(loop)(params))


def test_without_feedback_both_gradients_are_one(ours):
    cut, through = (ours(kind, curricula.Plan(feedback=1)) for kind in ("cut", "through_time"))
    assert_close((cut[0][0], cut[1]), (through[0][0], through[1]))


def test_with_feedback_the_losses_agree_and_the_gradients_do_not(ours):
    cut, through = (ours(kind, curricula.Plan(feedback=TRANSITIONS)) for kind in ("cut", "through_time"))
    assert_close(cut[0][0], through[0][0])
    with pytest.raises(AssertionError):
        assert_close(cut[1], through[1])


def test_truncated_gradients_are_those_of_a_loop_cut_after_every_second_step(tiny, ours, step):
    _, params, _, frames, _ = tiny
    plan = curricula.Plan(feedback=TRANSITIONS)

    def loop(params):
        predictions = []
        for t in range(TRANSITIONS):
            u = predictions[-1].next if t else frames[0]
            predictions.append(step(params, u if t % 2 else jax.lax.stop_gradient(u)))
        return summed(predictions, frames)

    (total, _), gradients = ours("through_time", plan, truncate=2)
    assert_close((total, gradients), jax.value_and_grad(loop)(params))
    every, whole = (ours("through_time", plan, truncate=n)[1] for n in (1, TRANSITIONS))
    assert_close(every, ours("cut", plan)[1])
    assert_close(whole, ours("through_time", plan)[1])
    with pytest.raises(ValueError, match='objective.truncate: expected gradients = "through_time"'):
        Objective(truncate=2)


def test_pushforward_through_time_is_refused():
    with pytest.raises(ValueError, match="Pushforward has no gradients through time"):
        TrainingConfig(curriculum=curricula.Pushforward(), objective=Objective(gradients="through_time"))


def test_warm_up_is_the_loss_of_the_guess_on_true_inputs(tiny, step):
    model, params, rest, frames, p = tiny
    objective = Objective(noise=0.0, floor=0.0)
    total, (losses, _) = evaluate_guess(objective, model, params, rest, frames, p, jax.random.key(0), SCALE)
    guesses = jnp.stack([step(params, u).auxiliary for u in frames[:-1]])
    assert_close(total, relative_l2(guesses, frames[1:], leading=2).mean(1).sum())
    assert total == losses.auxiliary


def test_published_auxiliary_loss_is_a_sum_of_running_sums_without_the_last_step(tiny, step):
    model, params, rest, frames, p = tiny
    objective = Objective(auxiliary=0.4, auxiliary_accumulates=True, noise=0.0, floor=0.0)
    arguments = (model, params, rest, frames, p, schedule_of(curricula.Plan(1)), jax.random.key(0), SCALE)
    total, (losses, _) = evaluate(objective, *arguments)
    guesses = jnp.stack([step(params, u).auxiliary for u in frames[:-1]])
    each = [float(e) for e in relative_l2(guesses, frames[1:], leading=2).mean(1)]
    running = [sum(each[: t + 1]) for t in range(TRANSITIONS - 1)]
    assert float(losses.auxiliary) == pytest.approx(running[-1], rel=1e-5)
    assert float(total - losses.prediction) == pytest.approx(0.4 * sum(running), rel=1e-4)


def test_a_large_channel_does_not_drown_a_small_one_where_channels_count_each():
    target = np.tile(np.asarray([100.0, 0.01], np.float32), (1, 1, POINTS, 1))
    prediction = target * np.asarray([1.0, 3.0], np.float32)
    scale = jnp.asarray([10.0, 0.02])
    together, each = (Objective(per_channel=choice) for choice in (False, True))
    assert float(frame_errors(together, prediction, target, scale)[0, 0]) == pytest.approx(2e-4, rel=1e-3)
    assert float(frame_errors(each, prediction, target, scale)[0, 0]) == pytest.approx((0 + 2) / 2, rel=1e-5)
    # a channel below its own floor (1% of its scale) is measured against the floor
    nothing = target * np.asarray([1.0, 0.0], np.float32)
    error = frame_errors(each, nothing + np.asarray([0.0, 1e-4], np.float32), nothing, scale)
    assert float(error[0, 0]) == pytest.approx((0 + 1e-4 / 2e-4) / 2, rel=1e-4)


def test_what_has_decayed_below_the_floor_counts_by_its_absolute_error():
    target = jnp.zeros((1, 1, POINTS, 1)).at[..., :1, :].set(1e-6)
    objective = Objective(floor=0.01)
    error = frame_errors(objective, target + 0.004, target, SCALE)
    assert float(error[0, 0]) == pytest.approx(0.004 / (0.01 * 2.0), rel=1e-5)
    large = target + 5.0
    assert float(frame_errors(objective, 1.1 * large, large, SCALE)[0, 0]) == pytest.approx(0.1, rel=1e-4)


def test_noise_is_reproducible_and_of_the_asked_size_in_units_of_the_channel(tiny):
    model, params, rest, frames, p = tiny
    many = jnp.zeros((3, 64, 512, 1))
    objective, plan = Objective(noise=0.1), schedule_of(curricula.Plan(feedback=1))
    parameters = jnp.full((64, 1), 0.5)

    def inputs(seed):
        return make_inputs(
            objective, model, params, rest, many, parameters, plan, jax.random.key(seed), SCALE
        )

    first, again, other = np.asarray(inputs(0)), np.asarray(inputs(0)), np.asarray(inputs(1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert first.std() == pytest.approx(0.1 * 2.0, rel=0.01)  # 65 536 draws: 0.3 % is one standard error
    assert abs(first.mean()) < 4 * 0.2 / math.sqrt(first.size)


def test_fed_back_inputs_carry_fresh_noise(tiny, step):
    model, params, rest, frames, p = tiny
    plan = schedule_of(curricula.Plan(feedback=TRANSITIONS))
    inputs = make_inputs(Objective(noise=0.1), model, params, rest, frames, p, plan, jax.random.key(0), SCALE)
    noise = [inputs[t] - step(params, inputs[t - 1]).next for t in range(1, TRANSITIONS)]
    assert np.std(noise) == pytest.approx(0.2, rel=0.25)  # 128 draws
    assert np.abs(np.corrcoef(np.reshape(noise, (TRANSITIONS - 1, -1))) - np.eye(TRANSITIONS - 1)).max() < 0.7


@pytest.mark.parametrize("frames", [2, 3, 21, 41])
def test_every_transition_starts_with_the_truth_and_ends_with_predictions(frames):
    transitions = frames - 1
    for name in ("linear", "cosine", "step", "tanh"):
        feedback = [PLANS[name].plan(s, transitions).feedback for s in np.linspace(0, 1, 50, endpoint=False)]
        assert feedback[0] == 1
        assert feedback == sorted(feedback)
        assert feedback[-1] >= transitions - 1
        assert max(feedback) <= transitions
    assert PLANS["autoregressive"].plan(0.0, transitions).feedback == transitions
    assert PLANS["teacher forcing"].plan(1.0, transitions).feedback == 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: curricula.Pushforward(pushes=0), "pushes of at least 1"),
        (lambda: curricula.TanhTransition(width=0.0), "positive width"),
        (lambda: curricula.LinearTransition(start=0.7, end=0.7), "start < end"),
        (lambda: Objective(noise=-1.0), "objective.noise: expected at least 0"),
        (lambda: Objective(auxiliary=-1.0), "objective.auxiliary: expected at least 0"),
        (lambda: relative_l2(jnp.zeros((2, 3)), jnp.zeros((2, 1)), leading=1), "one shape"),
    ],
)
def test_impossible_settings_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("accumulates", [False, True])
def test_a_few_steps_at_a_time_give_the_loss_and_gradient_of_all_at_once(tiny, monkeypatch, accumulates):
    model, params, rest, frames, p = tiny
    objective = Objective(auxiliary=0.4, noise=0.1, auxiliary_accumulates=accumulates)
    schedule = Schedule(jnp.int32(3), jnp.int32(0))
    arguments = (objective, model, params, rest, frames, p, schedule, jax.random.key(0), SCALE)
    at_once = jax.jit(jax.value_and_grad(evaluate, argnums=2, has_aux=True), static_argnums=(0, 1))
    (_, (whole, _)), expected = at_once(*arguments)
    monkeypatch.setattr("cape.training.objective._POINTS_IN_CACHE", BATCH * POINTS)  # one step at a time
    monkeypatch.setattr("jax.default_backend", lambda: "cpu")
    losses, _, grads = jax.jit(value_and_gradient, static_argnums=(0, 1))(*arguments)
    for a, b in zip(losses, whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), grads, expected)


def test_a_schedule_without_pushes_is_one_of_none(tiny):
    model, params, rest, frames, p = tiny
    arguments = (Objective(noise=0.1), model, params, rest, frames, p)
    compiled = jax.jit(make_inputs, static_argnums=(0, 1))
    none, zero = (
        compiled(*arguments, Schedule(jnp.int32(3), pushes), jax.random.key(0), SCALE)
        for pushes in (None, jnp.int32(0))
    )
    np.testing.assert_allclose(none, zero, rtol=1e-6, atol=1e-6)
