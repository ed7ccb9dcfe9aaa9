"""Rollouts of surrogates, compiled once for each structure, shape and number of steps."""

import functools
from typing import Any

import jax
from flax import nnx
from jaxtyping import Array, Float


@functools.partial(jax.jit, static_argnums=(0, 4))
def compiled_rollout(
    graphdef: Any,
    state: Any,
    given: Float[Array, "batch history *space channel"],
    parameters: Float[Array, "batch parameter"],
    steps: int,
) -> Float[Array, "batch steps *space channel"]:
    """Roll out a surrogate, given as its structure and its arrays."""
    surrogate = nnx.merge(graphdef, state)
    return surrogate.window.rollout(surrogate.at(parameters), given, steps)


@functools.partial(jax.jit, static_argnums=(0, 4))
def compiled_member_rollouts(
    graphdef: Any,
    state: Any,
    given: Float[Array, "batch history *space channel"],
    parameters: Float[Array, "batch parameter"],
    steps: int,
) -> Float[Array, "batch member steps *space channel"]:
    """Roll out every member of a surrogate; a single surrogate is its only member."""
    surrogate = nnx.merge(graphdef, state)
    return surrogate.window.member_rollouts(surrogate.at(parameters), given, steps)
