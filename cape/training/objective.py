"""The training objective: one-step losses along trajectories, under a curriculum.

There are two ways to compute gradients of the same losses:
    stop_gradient   The inputs are computed first, without gradients. Then every step of every sample is one large batch
                    of one-step problems. This is the published method.
    through_time    Backpropagation through time: a scan over the trajectory, rematerialised. Gradients flow through
                    autoregressive predictions.

Frames have the time axis first here: [time, batch, *space, channel].
"""

import dataclasses
import functools
import math
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cape.model.conditioning import Prediction
from cape.training.accumulation import accumulated
from cape.training.functional_model import FunctionalModel
from cape.training.inputs import UpdateInput, make_inputs, noise_of_new_frames
from cape.training.losses import relative_l2

_POINTS_IN_CACHE = 5120  # of all samples of a chunk, on a CPU


@dataclasses.dataclass(frozen=True)
class Objective:
    """What is minimised.

        Σ_t mean_b l(prediction_t, truth_t) + auxiliary Σ_t w_t mean_b l(u'_t, truth_t)

    with l the relative L2 error over space and channels, and u' the conditioning's first guess (CAPE).

    Attributes:
        gradients: "stop_gradient" or "through_time" (backpropagation through time).
        truncate: with "through_time", stop gradients after this many autoregressive predictions; 0: never.
        auxiliary: weight of the auxiliary loss. A conditioning without a first guess has none.
        auxiliary_accumulates: use w_t = T − t for step t = 1 ... T as in the published code, which adds the running sum
            again at every step but the last. In the warm-up, w_t is then 1, and 0 at the last step. If false, w_t = 1.
        noise: standard deviation of the Gaussian noise on every input, in standard deviations of the channel
            (`Normalisation.channel_std`; with the normalisation "off", in units of the data).
        floor: smallest root mean square of a true frame that an error is divided by, in standard deviations of the
            channel. Without it, fields that have decayed would dominate the loss.
        per_channel: compute the relative error of every channel by itself and average, so that a large channel
            (pressure) does not hide a small one (velocity). If false, the error is relative to all channels together.

    Raises:
        ValueError: a number is negative, or `truncate` is given without backpropagation through time.
    """

    gradients: Literal["stop_gradient", "through_time"] = "stop_gradient"
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
        if self.truncate and self.gradients != "through_time":
            raise ValueError(
                'objective.truncate: it truncates backpropagation through time, set gradients = "through_time"'
            )


class Losses(NamedTuple):
    """Losses summed over steps: the total, of the predictions, and of the first guesses (weighted by 1 and not w_t)."""

    total: Float[Array, ""]
    prediction: Float[Array, ""]
    auxiliary: Float[Array, ""]


def evaluate(
    objective: Objective, model: FunctionalModel, params, model_state, given: UpdateInput
) -> tuple[Float[Array, ""], tuple[Losses, Any]]:
    """Compute the objective on a batch of trajectories: (total, (losses, new model state))."""
    return _evaluate(objective, model, model.per_device(params), model_state, given)


def _evaluate(
    objective: Objective, model: FunctionalModel, params, model_state, given: UpdateInput
) -> tuple[Float[Array, ""], tuple[Losses, Any]]:
    """Compute `evaluate` with one copy of the weights for each device."""
    if objective.gradients == "stop_gradient":
        fixed = jax.lax.stop_gradient(params)
        inputs = make_inputs(objective.noise, model, fixed, model_state, given)
        predictions, model_state = model.predict_all(params, model_state, inputs, given.parameters)
    else:
        predictions, model_state = _predict_through_time(objective, model, params, model_state, given)
    weights = _step_weights(objective, given.transitions)
    losses = _losses(objective, model.new_channels, predictions, given.frames[1:], weights, given.channel_std)
    return losses.total, (losses, model_state)


def value_and_gradient(
    objective: Objective, model: FunctionalModel, params, model_state, given: UpdateInput, parts: int = 1
) -> tuple[Losses, Any, Any]:
    """Compute (losses, new model state, gradient with respect to params) of `evaluate`, in parts of the batch.

    Every device adds the gradients of its trajectories. They are summed over the devices once.
    """
    gradient = functools.partial(_gradient_on_devices, objective, model, model.per_device(params))
    losses, model_state, grads = accumulated(parts, model.batch_parts, gradient, model_state, given)
    return losses, model_state, model.over_devices(grads)


def _gradient_on_devices(
    objective: Objective, model: FunctionalModel, params, model_state, given: UpdateInput
) -> tuple[Losses, Any, Any]:
    """Compute `value_and_gradient` with one copy of the weights for each device, and a gradient for each copy.

    With stopped gradients the steps are independent once the inputs are known. On a CPU they are then processed a
    few at a time, which keeps them in its cache and is twice as fast. An accelerator processes all steps at once.
    Running statistics follow the chunks in the order of time.
    """
    time, batch = given.transitions, given.frames.shape[1]
    # statistics of a batch depend on what is processed together, which several devices must not change
    devices = 1 if jax.tree.leaves(model_state) else model.devices
    points = batch * math.prod(given.frames.shape[2:-1]) * model.members // devices
    together = _steps_together(time, points) if jax.default_backend() == "cpu" else time
    if objective.gradients != "stop_gradient" or together == time:
        whole = jax.value_and_grad(_evaluate, argnums=2, has_aux=True)
        (_, (losses, model_state)), grads = whole(objective, model, params, model_state, given)
        return losses, model_state, grads

    inputs = make_inputs(objective.noise, model, params, model_state, given)

    def loss_of_chunk(params, model_state, inputs, targets, weights):
        predictions, model_state = model.predict_all(params, model_state, inputs, given.parameters)
        losses = _losses(objective, model.new_channels, predictions, targets, weights, given.channel_std)
        return losses.total, (losses, model_state)

    def add_chunk(sums, chunk):
        losses, model_state, grads = sums
        add = jax.value_and_grad(loss_of_chunk, has_aux=True)
        (_, (more, model_state)), steeper = add(params, model_state, *chunk)
        sums = (jax.tree.map(jnp.add, losses, more), model_state, jax.tree.map(jnp.add, grads, steeper))
        return sums, None

    steps = (inputs, given.frames[1:], _step_weights(objective, time))
    chunks = jax.tree.map(lambda a: a.reshape(-1, together, *a.shape[1:]), steps)
    zero = Losses(*(jnp.zeros((), jnp.float32) for _ in Losses._fields))
    start = (zero, model_state, jax.tree.map(jnp.zeros_like, params))
    (losses, model_state, grads), _ = jax.lax.scan(add_chunk, start, chunks)
    return losses, model_state, grads


def evaluate_first_guess(
    objective: Objective, model: FunctionalModel, params, model_state, given: UpdateInput
) -> tuple[Float[Array, ""], tuple[Losses, Any]]:
    """Compute the warm-up objective, which is the auxiliary loss on true inputs: (total, (losses, new model state))."""
    params = model.per_device(params)
    inputs = given.true_inputs(objective.noise, model)
    predictions, model_state = model.predict_all(params, model_state, inputs, given.parameters)
    weights = _step_weights(objective, given.transitions)
    losses = _losses(objective, model.new_channels, predictions, given.frames[1:], weights, given.channel_std)
    return losses.auxiliary, (losses._replace(total=losses.auxiliary), model_state)


def frame_errors(
    objective: Objective,
    prediction: Float[Array, "first second *space channel"],
    target: Float[Array, "first second *space channel"],
    channel_std: Float[Array, " channel"],
) -> Float[Array, "first second"]:
    """Compute the relative L2 error of every frame, with the objective's floor."""
    points = math.prod(target.shape[2:-1])
    if not objective.per_channel:
        floor = objective.floor * jnp.sqrt(points * jnp.sum(channel_std**2))
        return relative_l2(prediction, target, leading=2, floor=floor)
    floor = objective.floor * jnp.sqrt(points) * channel_std
    first, second = (jnp.moveaxis(a, -1, 2) for a in (prediction, target))  # channels follow the frames
    return relative_l2(first, second, leading=3, floor=floor.reshape(1, 1, -1)).mean(-1)


def _predict_through_time(
    objective: Objective, model: FunctionalModel, params, model_state, given: UpdateInput
) -> tuple[Prediction, Any]:
    prepared = model.prepare(params, model_state, given.parameters)

    @jax.checkpoint
    def advance(carry, at):
        previous, model_state = carry
        t, truth = at
        if objective.truncate:
            previous = jnp.where(t % objective.truncate == 0, jax.lax.stop_gradient(previous), previous)
        autoregressive = (t > 0) & (t < given.schedule.autoregressive)
        noise = given.noise(objective.noise, t, truth.shape)
        u = jnp.where(autoregressive, previous + noise_of_new_frames(model, noise), truth + noise)
        u = model.advance(u, given.parameters)
        prediction, model_state = model.predict(params, model_state, u, prepared)
        return (prediction.next, model_state), prediction

    steps = (jnp.arange(given.transitions, dtype=jnp.int32), given.frames[:-1])
    (_, model_state), predictions = jax.lax.scan(advance, (given.frames[0], model_state), steps)
    return predictions, model_state


def _losses(
    objective: Objective,
    new_channels: int,
    predictions: Prediction,
    targets: Float[Array, "time batch *space channel"],
    weights: Float[Array, "time 2"],
    channel_std: Float[Array, " channel"],
) -> Losses:
    new = jax.tree.map(lambda a: a[..., -new_channels:], (predictions, targets, channel_std))
    predictions, targets, channel_std = new
    prediction = frame_errors(objective, predictions.next, targets, channel_std).mean(1).sum()
    if predictions.first_guess is None:
        return Losses(prediction, prediction, jnp.zeros_like(prediction))
    each = frame_errors(objective, predictions.first_guess, targets, channel_std).mean(1)
    auxiliary, weighted = (weights * each[:, None]).sum(0)
    return Losses(prediction + objective.auxiliary * weighted, prediction, auxiliary)


def _step_weights(objective: Objective, time: int) -> Float[Array, "time 2"]:
    """Return the weights of each step's auxiliary loss in the reported figure and in the total."""
    if not objective.auxiliary_accumulates:
        return jnp.ones((time, 2), jnp.float32)
    left = jnp.arange(time - 1, -1, -1, dtype=jnp.float32)  # the last step has weight 0 in both
    return jnp.stack([jnp.minimum(left, 1.0), left], -1)


def _steps_together(time: int, points: int) -> int:
    """Choose how many steps of a batch with `points` points a CPU processes at once: a divisor of `time`."""
    most = max(1, _POINTS_IN_CACHE // points)
    return max(n for n in range(1, time + 1) if time % n == 0 and n <= most)
