"""Surrogate: normalisation, conditioning and base solver as one parameter-aware one-step map."""

import functools
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from cape.model.conditioning import Prediction
from cape.model.config import ModelConfig
from cape.out_of_distribution import OutsideTrainedRange as OutsideTrainedRange  # where it always was
from cape.out_of_distribution import rollout_warnings
from cape.problem import Problem
from cape.rollout import Step
from cape.window import Window

Parameters = Mapping[str, ArrayLike] | ArrayLike


class Surrogate(nnx.Module):
    """A neural solver of one PDE: advances u by a frame, `problem.dt`, at any value of the parameters.

    Fields go in and come out in physical units, [batch, *space, channel]; inside they are normalised, each frame
    by itself or all by the channel statistics of the problem (`ModelConfig.normalise`). A step may also take
    several frames and give several; u is then a state of them (`Window`).

    Attributes:
        problem: names, units of time and space, statistics and trained range.
        config: the architecture; with the problem it is all that is needed to rebuild the module.
    """

    def __init__(self, problem: Problem, config: ModelConfig, *, rngs: nnx.Rngs):
        if config.history > problem.steps:
            raise ValueError(
                f"model.history: expected at most {problem.steps} of the {problem.steps + 1} frames of a training "
                f"trajectory, got {config.history}"
            )
        self.problem, self.config = problem, config
        self.normalisation, self.conditioned = config.build(problem, rngs)
        self.eval()  # `fit` alone calls train()

    @property
    def finest(self) -> float:
        """How many times finer than in training a grid may be without mention: convolutions count in points."""
        return 2.0 if hasattr(self.config.base, "modes") else 1.0

    @property
    def window(self) -> Window:
        """How many frames a step takes and gives."""
        return self.config.window

    @property
    def new_channels(self) -> int:
        """How many of the last channels of a state a step predicts; it knows the others."""
        return self.window.bundle * len(self.problem.channels)

    @property
    def trained_steps(self) -> int:
        """The longest rollout of the training, in frames after those given."""
        return self.window.predicted(self.problem.steps + 1, self.problem.equation)

    @property
    def conserved(self) -> tuple[bool, ...]:
        """Which channels keep their mean over space in every step."""
        return self.problem.conserved if self.config.conserve else (False,) * len(self.problem.channels)

    def prepare(self, parameters: Float[Array, "batch parameter"]) -> Any:
        """Compute whatever depends on the parameters alone; every leaf leads with the batch axis.

        Where frames are normalised by themselves, all depends on the frame too: the parameters as they are.
        """
        return parameters if self.normalisation is not None else self.conditioned.prepare(parameters)

    def predict(self, u: Float[Array, "batch *space channel"], prepared: Any) -> Prediction:
        """Advance u by one step, with the conditioning's own guess (of the last substep) beside it."""
        channels, history = self.problem.channels, self.window.history
        if u.shape[-1] != history * len(channels):
            raise ValueError(
                f"expected a state of {history} frame(s) of the channel(s) {channels}, oldest first, as the last axis, "
                f"got shape {u.shape}"
            )
        start = u
        for _ in range(self.config.substeps - 1):
            u = self._apply(u, prepared).next
        following, auxiliary = self._apply(u, prepared)
        old = u.shape[-1] - self.new_channels
        if old:  # frames of the next state that are known
            following = jnp.concatenate([start[..., -old:], following[..., old:]], -1)
        return Prediction(following, auxiliary)

    def _apply(self, u: Float[Array, "batch *space channel"], prepared: Any) -> Prediction:
        """Apply the network once: advance u by a substep."""
        if self.normalisation is not None:
            following, auxiliary = self.normalisation(self.conditioned, u, prepared)
        else:
            offset, scale = self._statistics(u.ndim)
            following, auxiliary = self.conditioned((u - offset) / scale, prepared)
            following = following * scale + offset
            auxiliary = None if auxiliary is None else auxiliary * scale + offset
        if any(self.conserved):
            gained = (following - u).mean(tuple(range(1, u.ndim - 1)), keepdims=True)
            kept = self.conserved * self.config.history
            following = following - jnp.asarray(kept, u.dtype).reshape((1,) * (u.ndim - 1) + (-1,)) * gained
        return Prediction(following, auxiliary)

    def at(self, parameters: Float[Array, "batch parameter"]) -> Step:
        """Bind the surrogate to parameters: a one-step map u -> u(t + dt) for `rollout` and everything else.

        With several frames a step, u and the result are states: for `Window.rollout`. Traceable; makes no checks of
        range. For named parameters use `rollout` or `problem.parameter_array`.
        """
        prepared = self.prepare(parameters)
        return lambda u: self.predict(u, prepared).next

    def rollout(
        self, u0: Float[ArrayLike, "batch *frames channel"], parameters: Parameters, steps: int
    ) -> Float[Array, "batch steps *space channel"]:
        """Predict `steps` frames after u0 (u0 not included), compiled once per shape.

        Args:
            u0: initial frames in physical units; where a step takes several frames (`Window.history`), so many
                consecutive ones, [batch, history, *space, channel].
            parameters: a mapping from names to numbers or arrays [batch], or an array in the problem's order.
            steps: number of frames, `problem.dt` apart.

        Warns:
            OutsideTrainedRange: a parameter lies outside the trained range.
            OtherResolution: the grid is coarser than in training, or more than twice as fine; a U-Net, whose
                convolutions count in points, also warns of less.
            LongerThanTrained: more steps than any rollout of the training had.
            (All of them are `cape.out_of_distribution.OutOfDistributionWarning`.)

        Raises:
            ValueError: a shape or a parameter name does not fit, or a value is not finite.
        """
        u0 = jnp.asarray(u0, jnp.float32)
        given = self._given(u0)
        array = self.problem.parameter_array(parameters, u0.shape[0])
        self.warn_out_of_distribution(array, given.shape[2:-1], steps, self.finest)
        graphdef, state = nnx.split(self)
        return _rollout(graphdef, state, given, array, steps)

    def warn_out_of_distribution(
        self,
        parameters: Float[Array, "batch parameter"],
        resolution: Sequence[int],
        steps: int,
        finest: float = 1.0,
    ) -> None:
        """Warn of a rollout outside the training data (`rollout_warnings`); refuse parameters that are not finite."""
        values = np.asarray(parameters)
        if not np.isfinite(values).all():
            raise ValueError(f"expected finite parameters {self.problem.parameters}, got NaN or infinity")
        for warning in rollout_warnings(self.problem, values, resolution, steps, finest, self.trained_steps):
            warnings.warn(warning, stacklevel=3)

    def _given(self, u0: Array) -> Float[Array, "batch history *space channel"]:
        history = self.window.history
        if history == 1:
            self.problem.check_state(u0)
            return u0[:, None]
        if u0.ndim != self.problem.dimension + 3 or u0.shape[1] != history:
            raise ValueError(
                f"expected u0 [batch, {history} frames, {self.problem.dimension} space axes, "
                f"{len(self.problem.channels)} channel(s) {self.problem.channels}], got shape {u0.shape}"
            )
        self.problem.check_state(u0[:, 0])
        return u0

    def _statistics(self, ndim: int) -> tuple[Array, Array]:
        if self.config.normalise == "off":
            return jnp.zeros((1,) * ndim), jnp.ones((1,) * ndim)
        shape = (1,) * (ndim - 1) + (-1,)
        mean, std = (s * self.config.history for s in (self.problem.channel_mean, self.problem.channel_std))
        return jnp.asarray(mean, jnp.float32).reshape(shape), jnp.asarray(std, jnp.float32).reshape(shape)


@functools.partial(jax.jit, static_argnums=(0, 4))
def _rollout(graphdef, state, given, parameters, steps: int):
    surrogate = nnx.merge(graphdef, state)
    return surrogate.window.rollout(surrogate.at(parameters), given, steps)


def count_parameters(module: nnx.Module) -> int:
    """Count the trained numbers; a complex weight counts as two, its real and its imaginary part."""
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param)))
