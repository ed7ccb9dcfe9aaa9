"""The inputs of a trajectory's steps under a curriculum: true frames or the model's own predictions, plus noise."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from cape.training.functional_model import FunctionalModel


class Schedule(NamedTuple):
    """A curriculum's plan (see `curriculum.Plan`) as traced integers, so that it can change without compiling again.

    `pushes` is None for a curriculum that never pushes forward. That part of the program is then not compiled.
    """

    autoregressive: Int[Array, ""]
    pushes: Int[Array, ""] | None = None


class Part(NamedTuple):
    """One of several equal parts of a batch, of which every device has an equal share.

    Attributes:
        number: of the part, from 0; jax can trace it.
        parts: number of parts.
        devices: number of devices that the batch is divided between.
    """

    number: Int[Array, ""]
    parts: int
    devices: int

    def of(self, array: Array, axis: int) -> Array:
        """Return the part of an array along its axis of trajectories."""
        before, after = array.shape[:axis], array.shape[axis + 1 :]
        share = array.shape[axis] // (self.parts * self.devices)
        divided = array.reshape(*before, self.devices, self.parts, share, *after)
        chosen = jax.lax.dynamic_index_in_dim(divided, self.number, axis + 1, keepdims=False)
        return chosen.reshape(*before, self.devices * share, *after)


class UpdateInput(NamedTuple):
    """Everything one update is computed from, besides the weights. T transitions need T + 1 frames.

    Attributes:
        frames: true frames (or states of several frames, see `Window`) in physical units, time first.
        parameters: PDE parameters.
        schedule: which inputs are the model's own predictions.
        key: random key of the noise.
        channel_std: standard deviation of each channel, the unit of the noise and of the error floor.
        part: which part of a batch this is; None: all of it.
        inputs: the result of `true_inputs`, if it was computed before.
    """

    frames: Float[Array, "frame batch *space channel"]
    parameters: Float[Array, "batch parameter"]
    schedule: Schedule
    key: PRNGKeyArray
    channel_std: Float[Array, " channel"]
    part: Part | None = None
    inputs: Float[Array, "time batch *space channel"] | None = None

    @property
    def transitions(self) -> int:
        return self.frames.shape[0] - 1

    def noise(self, level: float, t: Array | int, shape: tuple[int, ...]) -> Float[Array, "..."]:
        """Draw Gaussian noise of `level` standard deviations of each channel; `t` selects the random stream.

        The shape is that of frames with or without their axis of time. A part of a batch gets its part of the noise.
        """
        if level == 0:
            return jnp.zeros((1,) * len(shape), jnp.float32)
        key, axis = jax.random.fold_in(self.key, t), 1 + len(shape) - self.frames.ndim
        if self.part is not None:
            shape = (*shape[:axis], self.part.parts * shape[axis], *shape[axis + 1 :])
        drawn = jax.random.normal(key, shape, jnp.float32)
        drawn = drawn if self.part is None else self.part.of(drawn, axis)
        return level * self.channel_std.reshape((1,) * (len(shape) - 1) + (-1,)) * drawn

    def noisy_frames(self, level: float) -> Float[Array, "time batch *space channel"]:
        """Return the true inputs of all transitions with noise."""
        return self.frames[:-1] + self.noise(level, 0, self.frames[:-1].shape)

    def true_inputs(self, level: float, model: FunctionalModel) -> Float[Array, "time batch *space channel"]:
        """Return what the network is given at the true frames of all transitions (see `FunctionalModel.equation`)."""
        if self.inputs is not None:
            return self.inputs
        return model.advance_all(self.noisy_frames(level), self.parameters)

    def of_rows(self, rows: Int[Array, " row"] | None) -> "UpdateInput":
        """Return the input with some trajectories of the batch; None: all."""
        if rows is None:
            return self
        inputs = None if self.inputs is None else self.inputs[:, rows]
        return self._replace(frames=self.frames[:, rows], parameters=self.parameters[rows], inputs=inputs)


def make_inputs(
    level: float, model: FunctionalModel, params, model_state, given: UpdateInput
) -> Float[Array, "time batch *space channel"]:
    """Compute the T inputs of a trajectory's T steps: true frames, or predictions where the schedule says so.

    They are what `FunctionalModel.predict` takes: advanced by the equation, if there is one. All inputs have noise of
    `level` standard deviations. The number of autoregressive steps is traced, so one compiled program serves the whole
    curriculum.
    """
    prepared = model.prepare(params, model_state, given.parameters)
    inputs, p = given.true_inputs(level, model), given.parameters
    transitions = given.transitions

    def predict_input(t, inputs):
        prediction, _ = model.predict(params, model_state, inputs[t - 1], prepared)
        noise = noise_of_new_frames(model, given.noise(level, t, prediction.next.shape))
        return inputs.at[t].set(model.advance(prediction.next + noise, p))

    last = jnp.minimum(given.schedule.autoregressive, transitions)
    inputs = jax.lax.fori_loop(1, last, predict_input, inputs)
    if given.schedule.pushes is None:
        return inputs

    def push(i, inputs):
        predictions, _ = model.predict_all(params, model_state, inputs, p)
        noise = noise_of_new_frames(model, given.noise(level, transitions + i, inputs.shape))
        following = model.advance_all((predictions.next + noise)[:-1], p)
        pushed = jnp.concatenate([inputs[:1], following])
        autoregressive = jnp.arange(transitions, dtype=jnp.int32) < given.schedule.autoregressive
        return jnp.where(autoregressive.reshape(-1, *(1,) * (inputs.ndim - 1)), inputs, pushed)

    return jax.lax.fori_loop(0, given.schedule.pushes, push, inputs)


def noise_of_new_frames(model: FunctionalModel, noise: Float[Array, "..."]) -> Float[Array, "..."]:
    """Set the noise of the known frames of a state to zero: these frames have noise already."""
    old = noise.shape[-1] - model.new_channels if model.new_channels else 0
    return noise.at[..., :old].set(0.0) if old > 0 else noise
