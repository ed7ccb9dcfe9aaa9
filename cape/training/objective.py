"""The training objective: one-step losses along trajectories, under a curriculum.

Two ways of taking gradients of the same losses:
    cut           the inputs are made first, without gradient; then every step of every sample is one big batch
                  of one-step problems. This is the published method: its noise draw passes no gradient back.
    through time  a scan over the trajectory, rematerialised; gradients flow back through fed-back predictions.

Frames are time-major here, [time, batch, *space, channel], and `Model` is the surrogate as pure functions.
"""

import dataclasses
import math
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int, PRNGKeyArray

from cape.model.conditioning import Prediction
from cape.training.losses import relative_l2

_POINTS_IN_CACHE = 5120  # of all samples of a chunk, on a CPU


@dataclasses.dataclass(frozen=True)
class Objective:
    """What is minimised.

        Σ_t mean_b l(prediction_t, truth_t) + auxiliary Σ_t w_t mean_b l(u'_t, truth_t)

    with l the relative L2 error over space and channels (or of each channel by itself, averaged) and u' the
    conditioning's own guess (CAPE).

    Attributes:
        gradients: "cut" or "through_time".
        truncate: let gradients through time pass so many fed-back predictions, then cut; 0: all of them.
        auxiliary: weight of the auxiliary loss; conditionings without a guess have none.
        auxiliary_accumulates: w_t = T − t for step t = 1 ... T as in the published code, which adds the running
            sum again at every step but the last; in the warm-up w_t = 1, and 0 at the last step. Else w_t = 1.
        noise: standard deviation of the Gaussian noise on every input, in standard deviations of the channel.
        floor: smallest root mean square of a true frame, in standard deviations of the channel, that errors are
            relative to; what has decayed below it does not drown the rest.
        per_channel: take the error of every channel relative to that channel, and average them, so that a
            large one (pressure) does not drown a small one (velocity); else relative to all of them together.
    """

    gradients: Literal["cut", "through_time"] = "cut"
    truncate: int = 0
    auxiliary: float = 0.3
    auxiliary_accumulates: bool = False
    noise: float = 1e-2
    floor: float = 1e-2
    per_channel: bool = False

    def __post_init__(self):
        for name in ("truncate", "auxiliary", "noise", "floor"):
            if getattr(self, name) < 0:
                raise ValueError(f"objective.{name}: expected at least 0, got {getattr(self, name)}")
        if self.truncate and self.gradients == "cut":
            raise ValueError('objective.truncate: expected gradients = "through_time", of which it is a part')


class Model(NamedTuple):
    """A surrogate as pure functions of its parameters and its other state (running statistics).

    Attributes:
        new: how many of the last channels of a state are predicted, where the others are frames known before; 0: all.
    """

    graphdef: Any
    new: int = 0

    def prepare(self, params, rest, p: Float[Array, "batch parameter"]):
        return nnx.merge(self.graphdef, params, rest).prepare(p)

    def predict(self, params, rest, u, prepared) -> tuple[Prediction, Any]:
        surrogate = nnx.merge(self.graphdef, params, rest)
        prediction = surrogate.predict(u, prepared)
        return prediction, nnx.to_pure_dict(nnx.state(surrogate, nnx.Not(nnx.Param)))


class Losses(NamedTuple):
    """Loss of the predictions and of the auxiliary guesses, each summed over steps (w_t aside), and the total."""

    total: Float[Array, ""]
    prediction: Float[Array, ""]
    auxiliary: Float[Array, ""]


class Schedule(NamedTuple):
    """A curriculum's plan as traced integers, so that it changes without compiling anew.

    `pushes` is None for a curriculum that never pushes: that part of the program then need not be compiled.
    """

    feedback: Int[Array, ""]
    pushes: Int[Array, ""] | None = None


def evaluate(
    objective: Objective,
    model: Model,
    params,
    rest,
    frames: Float[Array, "time batch *space channel"],
    p: Float[Array, "batch parameter"],
    schedule: Schedule,
    key: PRNGKeyArray,
    scale: Float[Array, "channel"],
) -> tuple[Float[Array, ""], tuple[Losses, Any]]:
    """Compute the objective on a batch of trajectories: (total, (losses, other state)).

    Args:
        frames: true frames (or states of several, see `Window`), physical units, T + 1 of them for T transitions.
        schedule: see `curriculum.Plan`.
        scale: standard deviation of each channel, the unit of the noise.
    """
    if objective.gradients == "cut":
        fixed = jax.lax.stop_gradient(params)
        inputs = make_inputs(objective, model, fixed, rest, frames, p, schedule, key, scale)
        predictions, rest = _all_at_once(model, params, rest, inputs, p)
    else:
        predictions, rest = _through_time(objective, model, params, rest, frames, p, schedule, key, scale)
    weights = _step_weights(objective, frames.shape[0] - 1)
    losses = _losses(objective, model.new, predictions, frames[1:], weights, scale)
    return losses.total, (losses, rest)


def value_and_gradient(
    objective: Objective, model: Model, params, rest, frames, p, schedule: Schedule, key: PRNGKeyArray, scale
) -> tuple[Losses, Any, Any]:
    """Compute (losses, other state, gradient to the parameters) of `evaluate`; arguments as there.

    With cut gradients the steps are independent once the inputs are made, so on a CPU they are taken a few at a
    time, which keeps them in its cache (twice as fast as all at once); an accelerator takes them all at once.
    Running statistics then follow one chunk after the other, in order of time.
    """
    time, batch = frames.shape[0] - 1, frames.shape[1]
    points = batch * math.prod(frames.shape[2:-1])
    together = _steps_together(time, points) if jax.default_backend() == "cpu" else time
    if objective.gradients != "cut" or together == time:
        whole = jax.value_and_grad(evaluate, argnums=2, has_aux=True)
        (_, (losses, rest)), grads = whole(objective, model, params, rest, frames, p, schedule, key, scale)
        return losses, rest, grads

    inputs = make_inputs(objective, model, params, rest, frames, p, schedule, key, scale)

    def part(params, rest, inputs, targets, weights):
        predictions, rest = _all_at_once(model, params, rest, inputs, p)
        losses = _losses(objective, model.new, predictions, targets, weights, scale)
        return losses.total, (losses, rest)

    def add_part(sums, chunk):
        losses, rest, grads = sums
        (_, (more, rest)), steeper = jax.value_and_grad(part, has_aux=True)(params, rest, *chunk)
        return (jax.tree.map(jnp.add, losses, more), rest, jax.tree.map(jnp.add, grads, steeper)), None

    steps = (inputs, frames[1:], _step_weights(objective, time))
    chunks = jax.tree.map(lambda a: a.reshape(-1, together, *a.shape[1:]), steps)
    nothing = Losses(*(jnp.zeros(()) for _ in Losses._fields))
    (losses, rest, grads), _ = jax.lax.scan(
        add_part, (nothing, rest, jax.tree.map(jnp.zeros_like, params)), chunks
    )
    return losses, rest, grads


def evaluate_guess(
    objective: Objective, model: Model, params, rest, frames, p, key: PRNGKeyArray, scale
) -> tuple[Float[Array, ""], tuple[Losses, Any]]:
    """Compute the warm-up objective, the auxiliary loss alone on true inputs; arguments as in `evaluate`."""
    inputs = frames[:-1] + _noise(objective, key, 0, frames[:-1].shape, scale)
    predictions, rest = _all_at_once(model, params, rest, inputs, p)
    weights = _step_weights(objective, frames.shape[0] - 1)
    losses = _losses(objective, model.new, predictions, frames[1:], weights, scale)
    return losses.auxiliary, (losses._replace(total=losses.auxiliary), rest)


def make_inputs(
    objective: Objective, model: Model, params, rest, frames, p, schedule: Schedule, key: PRNGKeyArray, scale
) -> Float[Array, "time batch *space channel"]:
    """Make the T inputs of a trajectory's T steps: true frames, own predictions where fed back, plus noise.

    The number of steps fed back is traced: one program serves the whole curriculum.
    """
    prepared = model.prepare(params, rest, p)
    inputs = frames[:-1] + _noise(objective, key, 0, frames[:-1].shape, scale)
    transitions = inputs.shape[0]

    def feed_back(t, inputs):
        prediction, _ = model.predict(params, rest, inputs[t - 1], prepared)
        noise = _of_new(model, _noise(objective, key, t, prediction.next.shape, scale))
        return inputs.at[t].set(prediction.next + noise)

    inputs = jax.lax.fori_loop(1, jnp.minimum(schedule.feedback, transitions), feed_back, inputs)

    if schedule.pushes is None:
        return inputs

    def push(i, inputs):
        predictions, _ = _all_at_once(model, params, rest, inputs, p)
        noise = _of_new(model, _noise(objective, key, transitions + i, inputs.shape, scale))
        pushed = jnp.concatenate([inputs[:1], (predictions.next + noise)[:-1]])
        own = (jnp.arange(transitions) < schedule.feedback).reshape(-1, *(1,) * (inputs.ndim - 1))
        return jnp.where(own, inputs, pushed)

    return jax.lax.fori_loop(0, schedule.pushes, push, inputs)


def _all_at_once(model: Model, params, rest, inputs, p) -> tuple[Prediction, Any]:
    """Predict from every input [time, batch, ...] in one batch of time x batch."""
    time, batch = inputs.shape[:2]
    prepared = model.prepare(params, rest, p)
    prepared = jax.tree.map(lambda a: jnp.tile(a, (time,) + (1,) * (a.ndim - 1)), prepared)
    prediction, rest = model.predict(params, rest, inputs.reshape(time * batch, *inputs.shape[2:]), prepared)
    return jax.tree.map(lambda a: a.reshape(time, batch, *a.shape[1:]), prediction), rest


def _through_time(objective, model, params, rest, frames, p, schedule, key, scale) -> tuple[Prediction, Any]:
    prepared = model.prepare(params, rest, p)

    @jax.checkpoint
    def advance(carry, at):
        previous, rest = carry
        t, truth = at
        if objective.truncate:
            previous = jnp.where(t % objective.truncate == 0, jax.lax.stop_gradient(previous), previous)
        own = (t > 0) & (t < schedule.feedback)
        noise = _noise(objective, key, t, truth.shape, scale)
        u = jnp.where(own, previous + _of_new(model, noise), truth + noise)
        prediction, rest = model.predict(params, rest, u, prepared)
        return (prediction.next, rest), prediction

    steps = (jnp.arange(frames.shape[0] - 1), frames[:-1])
    (_, rest), predictions = jax.lax.scan(advance, (frames[0], rest), steps)
    return predictions, rest


def frame_errors(
    objective: Objective,
    prediction: Float[Array, "first second *space channel"],
    target: Float[Array, "first second *space channel"],
    scale: Float[Array, "channel"],
) -> Float[Array, "first second"]:
    """Compute the relative L2 error of every frame, with the objective's floor."""
    points = math.prod(target.shape[2:-1])
    if not objective.per_channel:
        floor = objective.floor * jnp.sqrt(points * jnp.sum(scale**2))
        return relative_l2(prediction, target, leading=2, floor=floor)
    floor = objective.floor * jnp.sqrt(points) * scale
    first = (jnp.moveaxis(a, -1, 2) for a in (prediction, target))  # channels lead, with the frames
    return relative_l2(*first, leading=3, floor=floor.reshape(1, 1, -1)).mean(-1)


def _losses(objective: Objective, new: int, predictions: Prediction, targets, weights, scale) -> Losses:
    predictions, targets, scale = jax.tree.map(lambda a: a[..., -new:], (predictions, targets, scale))
    prediction = frame_errors(objective, predictions.next, targets, scale).mean(1).sum()
    if predictions.auxiliary is None:
        return Losses(prediction, prediction, jnp.zeros_like(prediction))
    each = frame_errors(objective, predictions.auxiliary, targets, scale).mean(1)
    auxiliary, weighted = (weights * each[:, None]).sum(0)
    return Losses(prediction + objective.auxiliary * weighted, prediction, auxiliary)


def _step_weights(objective: Objective, time: int) -> Float[Array, "time 2"]:
    """How much each step's auxiliary loss counts: in the figure reported, and in the total."""
    if not objective.auxiliary_accumulates:
        return jnp.ones((time, 2))
    left = jnp.arange(time - 1, -1, -1, dtype=jnp.float32)  # the last step counts in neither
    return jnp.stack([jnp.minimum(left, 1.0), left], -1)


def _steps_together(time: int, points: int) -> int:
    """Choose how many steps of a batch with `points` points are taken at once on a CPU: a divisor of `time`."""
    most = max(1, _POINTS_IN_CACHE // points)
    return max(n for n in range(1, time + 1) if time % n == 0 and n <= most)


def _of_new(model: Model, noise: Array) -> Array:
    """Leave out the noise of frames of a state that were known before: they have theirs."""
    old = noise.shape[-1] - model.new if model.new else 0
    return noise.at[..., :old].set(0.0) if old > 0 else noise


def _noise(objective: Objective, key, t, shape, scale) -> Array:
    if objective.noise == 0:
        return jnp.zeros((1,) * len(shape))
    drawn = jax.random.normal(jax.random.fold_in(key, t), shape)
    return objective.noise * scale.reshape((1,) * (len(shape) - 1) + (-1,)) * drawn
