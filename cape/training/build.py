"""Build the surrogate that a training begins with."""

import dataclasses
import warnings
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from cape.datasets.trajectories import Trajectories
from cape.identification.identify import identify
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.surrogate import Surrogate
from cape.training.automatic import automatic_model, automatic_training
from cape.training.position_dependence import depends_on_position
from cape.training.space import describe_devices
from cape.training.start import open_start


def set_up(experiment: Any, training: Trajectories) -> tuple[Any, Surrogate, tuple[str, ...]]:
    """Replace the settings that are left to the package by choices for the data, and build the surrogate.

    Args:
        experiment: see `build`.
        training: the training data.

    Returns:
        The experiment with all settings chosen, the surrogate, and lines that say what was chosen.

    Warns:
        UserWarning: see `build`.

    Raises:
        ValueError: see `build`; or the devices cannot share the work as asked for (see `mesh_for`).
    """
    model, notes = automatic_model(experiment.model, training)
    chosen = dataclasses.replace(experiment, model=model)
    surrogate = build(chosen, training)
    identified = surrogate.equation is not None
    settings, more = automatic_training(experiment.training, training, identified)
    chosen = dataclasses.replace(chosen, training=settings)
    return chosen, surrogate, (*notes, *more, *describe_devices(surrogate, settings))


def build(experiment: Any, training: Trajectories) -> Surrogate:
    """Build the surrogate that a training begins with: from the experiment's seed, or with the weights of its start.

    Args:
        experiment: its `model`, `training` and `start` are used (see `cape.experiment.Experiment`).
        training: the training data.

    Warns:
        UserWarning: a setting wastes something on this grid, the data depend on the position and the model does not, or
            the grid is unlike that of the start.

    Raises:
        ValueError: a batch asks for more trajectories than there are, the model is conditioned on parameters of which
            none varies in the training data, the data do not fit the start, or the model does not fit their grid.
    """
    if experiment.training.batch > training.samples:
        raise ValueError(
            f"training.batch: expected at most the {training.samples} trajectories to train on, got "
            f"{experiment.training.batch}"
        )
    model, start = experiment.model, experiment.start
    surrogate = open_start(start, training) if start.model else _untrained(experiment, training)
    problem = surrogate.problem
    channels = surrogate.members * surrogate.window.history * len(problem.channels)
    u = jax.ShapeDtypeStruct((1, *problem.resolution, channels), jnp.float32)
    p = jax.ShapeDtypeStruct((1, len(problem.parameters)), jnp.float32)
    jax.eval_shape(lambda u, p: surrogate.at(p)(u), u, p)  # raises what does not fit before a file is written
    for text in model.base.warnings(problem.domain):
        warnings.warn(text, stacklevel=2)
    if not (model.position_channels or model.base.sees_position) and depends_on_position(training):
        warnings.warn(
            "the mean over the training trajectories comes to depend on the position, as it does under a force that "
            "depends on the position; set model.position_channels = true, else the model cannot learn it",
            stacklevel=2,
        )
    return surrogate


def _untrained(experiment: Any, training: Trajectories) -> Surrogate:
    model: ModelConfig = experiment.model
    problem = Problem.of(training)
    varies = any(low != high for low, high in zip(problem.low, problem.high, strict=True))
    if model.conditioning.uses_parameters and not varies:
        raise ValueError(
            f"no parameter varies in the training data ({', '.join(problem.parameters) or 'none is named'}), so a "
            "model conditioned on them would learn nothing from them; give files with several values, or use the "
            "conditioning 'unconditioned'"
        )
    steps_of_one_frame = model.history == model.bundle == 1
    equation = identify(training, problem) if model.identify and steps_of_one_frame else None
    return Surrogate(problem, model, equation=equation, rngs=nnx.Rngs(experiment.training.seed))
