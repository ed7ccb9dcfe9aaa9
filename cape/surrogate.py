"""Surrogate: normalisation, conditioning and base solver as a one-step map that depends on the PDE parameters."""

import functools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from cape.adaptation.adaptation import Adaptation, adapted_step, regime_at
from cape.datasets.initial_conditions import ConditionRecord
from cape.identification.equation import IdentifiedEquation, advance, coefficients, corrected_step
from cape.model.arrays import single
from cape.model.compiled_rollout import compiled_member_rollouts, compiled_rollout
from cape.model.conditioning import Prediction
from cape.model.config import ModelConfig
from cape.model.conservation import conserve
from cape.model.lineage import Stage
from cape.model.members import member, predict_members, prepare_members, stacked
from cape.model.tracing import all_finite, at_once_unless_traced, traced
from cape.out_of_distribution import rollout_warnings
from cape.problem import Problem
from cape.rollout import Step
from cape.uncertainty.bands import UncertainFrames, with_uncertainty
from cape.uncertainty.record import UncertaintyRecord
from cape.window import Window

Parameters = Mapping[str, ArrayLike] | ArrayLike


class Surrogate(nnx.Module):
    """A neural solver of one PDE: advances u by a time step at any value of the parameters.

    The time step is `problem.dt`, times the number of new frames if a step gives several. Fields are in physical units,
    [batch, *space, channel]. If a step takes or gives several frames, u is a state of them (see `Window`). The state of
    an ensemble (`ModelConfig.members`) has the states of all members as channels; its rollout is the mean of theirs.

    Args:
        problem: names, grid, time step, statistics and trained range.
        config: the architecture.
        equation: the equation identified in the training data, or None. The network then corrects its steps.
        adaptation: the regime that it was adapted to (`cape.adapt`), or None.

    Attributes:
        trained_on, condition_record: numbers of the initial conditions used for training or validation, and what
            identifies them in other data; None if unknown. `lineage`: its trainings, if there were several.

    Raises:
        ValueError: the configuration does not fit the problem.
    """

    trained_on: tuple[int, ...] | None = None
    condition_record: ConditionRecord | None = None
    uncertainty: UncertaintyRecord | None = None
    lineage: tuple[Stage, ...] = ()

    def __init__(
        self,
        problem: Problem,
        config: ModelConfig,
        *,
        equation: IdentifiedEquation | None = None,
        adaptation: Adaptation | None = None,
        rngs: nnx.Rngs,
    ):
        config.check_frames(problem.steps, with_equation=equation is not None)
        if equation is not None:
            equation.check(problem)
        self.problem, self.config, self.equation, self.adaptation = problem, config, equation, adaptation
        if adaptation is not None:
            adaptation.check(problem)
            problem = adaptation.network_problem(problem)
        parts = [config.build(problem, rngs=rngs) for _ in range(config.members)]
        self.normalisation, self.conditioning = stacked(parts)
        nnx.update(self, jax.tree.map(single, nnx.state(self)))
        self.eval()  # only a training calls train(), see `plan_phases`

    @property
    def window(self) -> Window:
        """How many frames a step takes and gives."""
        return self.config.window

    @property
    def members(self) -> int:
        """Number of members; 1: a single surrogate."""
        return self.config.members

    def member(self, index: int) -> "Surrogate":
        """Return a member of an ensemble as a surrogate by itself, without a calibration (see `member`)."""
        return member(self, index) if self.members > 1 or index else self

    @property
    def new_channels(self) -> int:
        """How many of the last channels of a member's state a step predicts. The others are known frames."""
        return self.window.bundle * len(self.problem.channels)

    @property
    def trained_steps(self) -> int:
        """Length of the longest rollout of the training, in frames after the given ones."""
        return self.window.predicted(self.problem.steps + 1, self.problem.equation)

    @property
    def conserved(self) -> tuple[bool, ...]:
        """Whether every step conserves the mean over space of each channel."""
        return self.problem.conserved if self.config.conserve else (False,) * len(self.problem.channels)

    def prepare(self, parameters: Float[Array, "batch parameter"]) -> Any:
        """Compute everything that depends on the parameters only: a pytree whose leaves start with the batch axis."""
        p = parameters.astype(jnp.float32)
        if self.members > 1:
            return prepare_members(self, p)
        rates = () if self.equation is None else coefficients(self.equation, self.problem, p)
        regime = () if self.adaptation is None else regime_at(self.adaptation, self.problem, p)
        return rates, self.normalisation.prepare(self.conditioning, p), *regime

    def predict(self, u: Float[Array, "batch *space channel"], prepared: Any) -> Prediction:
        """Advance u by one step. The first guess returned is that of the last substep.

        The step is computed in float32. What is returned has the dtype of u.
        """
        self.window.check_state(u, self.problem.channels)
        if self.members > 1:
            return predict_members(self, u, prepared)
        dtype, u = u.dtype, u.astype(jnp.float32)
        rates, network = prepared[:2]
        advanced = u if self.equation is None else advance(self.equation, self.problem, u, rates)
        following, first_guess = self.corrected(advanced, network)
        old = u.shape[-1] - self.new_channels
        if old:  # frames of the next state that are known
            following = jnp.concatenate([u[..., -old:], following[..., old:]], -1)
        if self.adaptation is not None:
            correct = None if self.equation is None else lambda u: self.corrected(u, network).next
            following = adapted_step(self.adaptation, self.problem, u, prepared[2:], following, correct)
        return jax.tree.map(lambda a: a.astype(dtype), Prediction(following, first_guess))

    def corrected(self, advanced: Float[Array, "batch *space channel"], prepared: Any) -> Prediction:
        """Apply the network to u, or to a step of the equation; its changes are in units of the equation's errors."""
        u = advanced
        for _ in range(self.config.substeps - 1):
            u = self._substep(u, prepared).next
        prediction = self._substep(u, prepared)
        if self.equation is None:
            return prediction
        equation = self.equation
        return jax.tree.map(lambda a: corrected_step(equation, advanced, a), prediction)

    def at(self, parameters: Float[Array, "batch parameter"]) -> Step:
        """Bind the surrogate to parameters: return the one-step map u -> u(t + dt).

        The map can be differentiated, composed and passed to `rollout`. It makes no checks of range. If a step takes
        several frames, u and the result are states, for `Window.rollout`.
        """
        prepared = self.prepare(parameters)
        return lambda u: self.predict(u, prepared).next

    @overload
    def rollout(self, u0: ArrayLike, parameters: Parameters, steps: int) -> Array: ...
    @overload
    def rollout(
        self, u0: ArrayLike, parameters: Parameters, steps: int, *, uncertainty: bool, level: float = 0.9
    ) -> UncertainFrames: ...
    def rollout(
        self,
        u0: Float[ArrayLike, "batch *frames channel"],
        parameters: Parameters,
        steps: int,
        *,
        uncertainty: bool = False,
        level: float = 0.9,
    ) -> Float[Array, "batch steps *space channel"] | UncertainFrames:
        """Predict `steps` frames after u0, without u0. Compiled once for each shape and number of steps.

        `jax.jit`, `jax.vmap`, `jax.grad` and `jax.jvp` apply to u0 and to the parameters. Shapes are always checked.
        Values that such a transformation traces are unknown, so they raise no error and no warning.

        Args:
            u0: initial frames [batch, *space, channel] in physical units, converted to float32. If a step takes
                several frames (`Window.history`), that many consecutive frames, [batch, history, *space, channel].
            parameters: by name, or an array [parameter] or [batch, parameter] (see `Problem.parameter_array`).
            steps: number of frames, `problem.dt` apart.
            uncertainty: also return bands, which hold a share `level` of the points, and a distance (see
                `UncertainFrames`); takes up to six more rollouts of the calibrated length.

        Warns:
            OutsideTrainedRange: a parameter lies outside the trained range.
            OtherResolution: the grid is coarser than in training, or finer than `SolverConfig.finest_grid` times it.
            LongerThanTrained: there are more steps than any rollout of the training had.
            All of these are `cape.out_of_distribution.OutOfDistributionWarning`.

        Raises:
            ValueError: a shape or a name does not fit, u0 or a parameter is not finite in float32, `steps` < 1, or the
                uncertainty is not calibrated (`cape calibrate`).
        """
        with at_once_unless_traced(u0), np.errstate(over="ignore"):
            u0 = jnp.asarray(u0, jnp.float32)
            given = self.window.given_frames(self.problem, u0)
            if not traced(u0) and not all_finite(u0):
                raise ValueError(f"expected finite u0 of {self.problem.channels}, got NaN or infinity")
        with at_once_unless_traced(parameters):
            array = self.problem.parameter_array(parameters, u0.shape[0])
        self.warn_out_of_distribution(array, given.shape[2:-1], steps, self.config.base.finest_grid)
        graphdef, state = nnx.split(self)
        frames = compiled_rollout(graphdef, state, given, array, steps)
        if not uncertainty:
            return frames
        roll = functools.partial(compiled_member_rollouts, graphdef, state)
        return with_uncertainty(self, frames, roll, given, array, level)

    def warn_out_of_distribution(
        self,
        parameters: Float[Array, "batch parameter"],
        resolution: Sequence[int],
        steps: int,
        finest_grid: float = 1.0,
    ) -> None:
        """Warn of a rollout outside the training data (see `rollout_warnings`). Traced parameters are not checked.

        Raises:
            ValueError: a parameter is not finite.
        """
        values = None if traced(parameters) else np.asarray(parameters)
        if values is not None and not np.isfinite(values).all():
            raise ValueError(f"expected finite parameters {self.problem.parameters}, got NaN or infinity")
        for warning in rollout_warnings(
            self.problem, values, resolution, steps, finest_grid, self.trained_steps
        ):
            warnings.warn(warning, stacklevel=3)

    def save(self, folder: str | Path) -> None:
        """Write a pretrained folder, which `cape.load` opens: config.json and weights.safetensors.

        Raises:
            ValueError: a weight is not finite. Nothing is then written.
        """
        from cape.pretrained import save

        save(self, Path(folder))

    def _substep(self, u: Float[Array, "batch *space channel"], prepared: Any) -> Prediction:
        """Apply the network once."""
        following, first_guess = self.normalisation(self.conditioning, u, prepared)
        return Prediction(conserve(u, following, self.conserved * self.config.history), first_guess)
