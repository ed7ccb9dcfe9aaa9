"""The members of an ensemble: models of one structure, whose arrays are stacked along a first axis [member]."""

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

Parts = TypeVar("Parts", bound=tuple[nnx.Module, ...])


def stacked(members: Sequence[Parts]) -> Parts:
    """Return the parts of the first member, with the arrays of all members [member, ...] if there are several."""
    if len(members) > 1:
        states = [nnx.state(nnx.List(parts)) for parts in members]
        nnx.update(nnx.List(members[0]), jax.tree.map(lambda *arrays: jnp.stack(arrays), *states))
    return members[0]


def member(ensemble: Any, index: int) -> Any:
    """Return a member of a surrogate as a surrogate by itself.

    Raises:
        ValueError: there is no such member.
    """
    if not 0 <= index < ensemble.members:
        raise ValueError(f"member: expected a number from 0 to {ensemble.members - 1}, got {index}")
    one = _one(ensemble, jax.tree.map(lambda array: array[index], nnx.state(ensemble)))
    one.uncertainty = None
    return one


def prepare_members(ensemble: Any, parameters: Float[Array, "batch parameter"]) -> Any:
    """Compute what depends on the parameters only: a pytree of arrays [batch, member, ...]."""
    prepare = jax.vmap(lambda state: _one(ensemble, state).prepare(parameters), out_axes=1)
    return prepare(nnx.state(ensemble))


def predict_members(ensemble: Any, u: Float[Array, "batch *space channel"], prepared: Any) -> Any:
    """Advance the state of an ensemble, the states of its members as channels, by one step."""
    states = u.reshape(*u.shape[:-1], ensemble.members, u.shape[-1] // ensemble.members)
    advance = jax.vmap(
        lambda state, u, prepared: _one(ensemble, state).predict(u, prepared), in_axes=(0, -2, 1), out_axes=-2
    )
    found = advance(nnx.state(ensemble), states, prepared)
    return jax.tree.map(lambda a: a.reshape(*a.shape[:-2], a.shape[-2] * a.shape[-1]), found)


def _one(ensemble: Any, state: Any) -> Any:
    """Return a surrogate with the structure of one member and these arrays."""
    graphdef, _ = nnx.split(ensemble)
    model = nnx.merge(graphdef, state)
    model.config = dataclasses.replace(model.config, members=1)
    return model
