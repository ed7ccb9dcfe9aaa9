"""Updates of an ensemble: the update of one member, applied to the weights of all of them in one program."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Int

from cape.solvers.layers.devices import MEMBER


def of_each_member(members: int, function: Callable[..., Any], mesh: Mesh | None = None, **axes: Any) -> Any:
    """Let a function of one member's arrays take and return those of all members [member, ...].

    Args:
        members: their number; 1 returns the function itself.
        function: takes and returns pytrees of arrays.
        mesh: the devices that share the members.
        axes: `in_axes` and `out_axes` of `jax.vmap`.
    """
    if members == 1:
        return function
    shared = mesh is not None and MEMBER in mesh.axis_names
    return jax.vmap(function, axis_size=members, spmd_axis_name=MEMBER if shared else None, **axes)


def of_all_members(update: Callable[..., Any]) -> Callable[..., Any]:
    """Let an update of one model update all members of an ensemble.

    The update takes (settings, channel_std, state, frames, p, schedule) and returns (state, measures). If the settings
    are those of several members, the arrays of the state, but for "step", and the measures have a first axis [member].
    All members are given the same batch and the same noise, which are then computed once. With a
    `settings.member_share` below 1, each takes its own trajectories of the batch. Devices that share the members
    need no communication.
    """

    @functools.wraps(update)
    def of_all(settings, channel_std, state, frames, p, schedule):
        if settings.model.members == 1:
            return update(settings, channel_std, state, frames, p, schedule)

        def of_one(member, state):
            rows = _rows(settings, member, state["step"], len(frames))
            given = (frames, p) if rows is None else (frames[rows], p[rows])
            return update(settings, channel_std, state, *given, schedule)

        axes = axes_of(state)
        numbers = jnp.arange(settings.model.members, dtype=jnp.int32)
        return of_each_member(
            settings.model.members, of_one, settings.model.mesh, in_axes=(0, axes), out_axes=(axes, 0)
        )(numbers, state)

    return of_all


def axes_of(state: dict[str, Any]) -> dict[str, int | None]:
    """Return the axis of the members in the arrays of a training state; they have one count of updates."""
    return {name: None if name == "step" else 0 for name in state}


def _rows(settings: Any, member: Array, step: Array, batch: int) -> Int[Array, " row"] | None:
    """Draw the trajectories of a batch that a member is trained on; None: all."""
    if settings.member_share == 1:
        return None
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(settings.seed), step), member)
    order = jax.random.permutation(key, batch)
    return order[: trajectories_of_member(settings.member_share, batch)].astype(jnp.int32)


def trajectories_of_member(share: float, batch: int) -> int:
    """Return how many trajectories of a batch a member is trained on."""
    return max(round(share * batch), 1)
