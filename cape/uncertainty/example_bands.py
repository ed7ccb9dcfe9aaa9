"""Bands around the examples of an evaluation, for figures and reports."""

import dataclasses
import functools

import jax.numpy as jnp
import numpy as np
from flax import nnx

from cape.evaluation.evaluation import Evaluation, Example
from cape.model.compiled_rollout import compiled_member_rollouts
from cape.surrogate import Surrogate
from cape.uncertainty.bands import with_uncertainty


def with_bands(surrogate: Surrogate, evaluation: Evaluation, level: float = 0.9) -> Evaluation:
    """Add bands to the examples of an evaluation, if the surrogate is calibrated for rollouts of their length."""
    record = surrogate.uncertainty
    if record is None or len(evaluation.times) > record.steps:
        return evaluation
    examples = tuple(_with_band(surrogate, example, level) for example in evaluation.examples)
    return dataclasses.replace(evaluation, examples=examples)


def _with_band(surrogate: Surrogate, example: Example, level: float) -> Example:
    given = jnp.asarray(example.truth[None, : example.given], jnp.float32)
    parameters = jnp.asarray(
        [[example.parameters[name] for name in surrogate.problem.parameters]], jnp.float32
    )
    roll = functools.partial(compiled_member_rollouts, *nnx.split(surrogate))
    frames = jnp.asarray(example.prediction[None, example.given :])
    width = with_uncertainty(surrogate, frames, roll, given, parameters, level).half_width[0]
    nothing = np.zeros((example.given, width.shape[-1]), np.float32)
    return dataclasses.replace(example, half_width=np.concatenate([nothing, np.asarray(width)]), level=level)
