"""Updates of an ensemble: the update of one member, applied to the weights of all of them in one program."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int


def of_each_member(members: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of one member's arrays take and return those of all members [member, ...]."""
    return jax.vmap(function, axis_size=members) if members > 1 else function


def of_all_members(update: Callable[..., Any]) -> Callable[..., Any]:
    """Let an update of one model update all members of an ensemble.

    The update takes (settings, channel_std, state, frames, p, schedule) and returns (state, measures). If the settings
    are those of several members, the arrays of the state, but for "step", and the measures have a first axis [member].
    All members are given the same batch and the same noise, which are then computed once. With a
    `settings.member_share` below 1, each takes its own trajectories of the batch.
    """

    @functools.wraps(update)
    def of_all(settings, channel_std, state, frames, p, schedule):
        if settings.model.members == 1:
            return update(settings, channel_std, state, frames, p, schedule)

        def of_one(member, state):
            rows = _rows(settings, member, state["step"], len(frames))
            given = (frames, p) if rows is None else (frames[rows], p[rows])
            return update(settings, channel_std, state, *given, schedule)

        axes = {name: None if name == "step" else 0 for name in state}
        numbers = jnp.arange(settings.model.members, dtype=jnp.int32)
        return jax.vmap(of_one, in_axes=(0, axes), out_axes=(axes, 0))(numbers, state)

    return of_all


def _rows(settings: Any, member: Array, step: Array, batch: int) -> Int[Array, " row"] | None:
    """Draw the trajectories of a batch that a member is trained on; None: all."""
    if settings.member_share == 1:
        return None
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(settings.seed), step), member)
    order = jax.random.permutation(key, batch)
    return order[: max(round(settings.member_share * batch), 1)].astype(jnp.int32)
