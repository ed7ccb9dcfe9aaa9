"""The size of a model: count its trained numbers, and choose the size of its base solver by that count."""

import dataclasses
from collections.abc import Callable

from flax import nnx

from cape.model.arrays import count_weights
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.surrogate import Surrogate

Count = Callable[[ModelConfig], int]


def counter(problem: Problem) -> Count:
    """Return the function that counts the trained numbers of a model of this problem. It allocates no weights."""
    return lambda model: count_weights(nnx.eval_shape(lambda: Surrogate(problem, model, rngs=nnx.Rngs(0))))


def match_size(model: ModelConfig, target: int, count: Count) -> ModelConfig:
    """Return the model with the largest base solver that keeps the count of trained numbers at or below `target`.

    Only the base solver's `size_setting` changes, in steps of `size_step` (see `SolverConfig`).

    Raises:
        ValueError: the smallest base solver already exceeds `target`.
    """
    setting, step = model.base.size_setting, model.base.size_step

    def resized(size: int) -> ModelConfig:
        return dataclasses.replace(model, base=dataclasses.replace(model.base, **{setting: size}))

    size = step
    if count(resized(size)) > target:
        raise ValueError(f"expected a target of at least {count(resized(size))} parameters, got {target}")
    while count(resized(size + step)) <= target:
        size += step
    return resized(size)
