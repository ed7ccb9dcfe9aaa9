"""Updates of an ensemble: the update of one member, applied to the weights of all of them in one program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Int

from cape.solvers.layers.devices import MEMBER
from cape.training.inputs import UpdateInput


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


def of_all_members(
    update: Callable[..., Any], settings: Any, state: dict[str, Any], given: UpdateInput
) -> Any:
    """Update all members of an ensemble by the update of one model, which returns (state, measures).

    If the settings are those of several members, the arrays of the state, but for "step", and the measures have a first
    axis [member]. All members are given the same batch, of which the noise and the steps of an equation are computed
    once. With a `settings.member_share` below 1, each takes its own trajectories of the batch. Devices that share the
    members need no communication.

    Args:
        update: takes (settings, state, given).
        settings: see `UpdateSettings`.
        state: see `initial_state`.
        given: the batch.
    """
    members = settings.model.members
    if members == 1:
        return update(settings, state, given)
    given = given._replace(inputs=given.true_inputs(settings.objective.noise, settings.model))

    def of_one(member, state):
        rows = _rows(settings, member, state["step"], given.frames.shape[1])
        return update(settings, state, given.of_rows(rows))

    axes = axes_of(state)
    each = of_each_member(members, of_one, settings.model.mesh, in_axes=(0, axes), out_axes=(axes, 0))
    return each(jnp.arange(members, dtype=jnp.int32), state)


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
