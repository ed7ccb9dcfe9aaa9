"""The devices of a training share members of an ensemble, trajectories and points of space."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from cape.solvers.layers.devices import MEMBER
from cape.solvers.layers.divided_space import SPACE

AXIS = "batch"
ROWS = P(AXIS)  # [batch, ...]
FIELDS = P(AXIS, SPACE)  # [batch, *space, channel]
TRAJECTORIES = P(AXIS, None, SPACE)  # [batch, time, *space, channel]
STEPS = P(None, AXIS, SPACE)  # [time, batch, *space, channel]
COPIES = P((AXIS, SPACE))  # [device, ...]

WhyNot = Callable[[int], str]


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """Which devices a training uses. Their number is `batch` times `space` times `members`.

    Attributes:
        batch: number of parts of a batch, each with an equal number of trajectories; 0: all devices, or as many as
            divide the batch.
        space: number of parts of the first axis of space, in two and three dimensions; 0: 1, and more if `batch` is 0,
            some devices are left over by the batch, and the model and the grid can be divided between them.
        members: number of parts of the members of an ensemble, in one process only; 0: if `batch` and `space` are 0,
            the largest number that divides the members and the devices, and the batch is divided between devices that
            are left over; else 1.
        weights: "replicated" keeps the weights and the optimiser's state on every device; "divided" keeps a part of
            them on each, and gathers the weights for every update; in one process only, and not for an ensemble.

    Raises:
        ValueError: a number is out of range.
    """

    batch: int = 0
    space: int = 0
    members: int = 0
    weights: Literal["replicated", "divided"] = "replicated"

    def __post_init__(self):
        for name in ("batch", "space", "members"):
            if getattr(self, name) < 0:
                raise ValueError(f"training.mesh.{name}: expected at least 0, got {getattr(self, name)}")


def _of_no_model(parts: int) -> str:
    return "expected a model"


def make_mesh(
    config: MeshConfig, batch: int, why_not: WhyNot = _of_no_model, members: int = 1, of_member: int = 0
) -> Mesh | None:
    """Return the mesh of a training with `batch` trajectories per update; None for one device.

    Args:
        config: what is asked for.
        batch: number of trajectories.
        why_not: says why the first axis of space cannot be divided in a number of parts, or nothing if it can.
        members: number of members of an ensemble.
        of_member: number of trajectories of a batch that each member is trained on; 0: all.

    Raises:
        ValueError: there are fewer devices than asked for, the members, the batch or space cannot be divided between
            them, or there are several processes, and not all of their devices are used, or members or weights are
            divided.
    """
    devices = jax.devices()
    for name in ("batch", "space", "members"):
        if (asked := getattr(config, name)) > len(devices):
            raise ValueError(
                f"training.mesh.{name}: expected at most {len(devices)}, the number of devices, got {asked}"
            )
    _check_weights(config, members)
    of_member = of_member or batch
    of_members, parts, space = _parts(config, math.gcd(batch, of_member), why_not, members)
    _check_parts(of_members, parts, space, batch, of_member)
    count = of_members * parts * space
    if count == 1:
        return None
    axes = {AXIS: parts, SPACE: space}
    if of_members > 1:  # an axis of one part would add all-reduces of single devices
        axes = {MEMBER: of_members, **axes}
    types = (AxisType.Auto,) * len(axes)
    return jax.make_mesh(tuple(axes.values()), tuple(axes), axis_types=types, devices=devices[:count])


def _check_parts(of_members: int, parts: int, space: int, batch: int, of_member: int) -> None:
    """Raise ValueError if the parts do not fit the devices, the batch or the share of a member."""
    devices, processes, count = jax.device_count(), jax.process_count(), of_members * parts * space
    if processes > 1 and count != devices:
        everyone = f"{devices} devices of the {processes} processes take part"
        taken = (
            f", of which each member takes {of_member} (training.member_share)," if of_member < batch else ""
        )
        raise ValueError(
            f"training.mesh: all {everyone}, got {parts} parts of a batch of {batch}{taken} x {space} of space; set "
            f"training.batch to a multiple of {devices}, or training.mesh"
        )
    if count > devices:
        raise ValueError(
            f"training.mesh: expected batch x space x members of at most {devices}, the number of devices, got "
            f"{parts} x {space} x {of_members}"
        )
    if processes > 1 and jax.local_device_count() % space:
        raise ValueError(
            f"training.mesh.space: expected a divisor of {jax.local_device_count()}, the devices of a process, got "
            f"{space}"
        )
    if batch % parts:
        raise ValueError(
            f"training.batch: expected a multiple of training.mesh.batch = {parts} devices, got {batch}"
        )
    if of_member % parts:
        raise ValueError(
            f"training.member_share: each member takes {of_member} trajectories of a batch of {batch}, expected a "
            f"multiple of training.mesh.batch = {parts} devices"
        )


def _check_weights(config: MeshConfig, members: int) -> None:
    """Raise ValueError if weights are to be divided in several processes, or those of an ensemble."""
    if config.weights == "divided" and (jax.process_count() > 1 or members > 1):
        case = "for an ensemble" if members > 1 else "in several"
        raise ValueError(
            f'training.mesh.weights: "divided" works for one model in one process, expected "replicated" {case}'
        )


def _parts(config: MeshConfig, batch: int, why_not: WhyNot, members: int) -> tuple[int, int, int]:
    """Return the numbers of parts of the members, of a batch and of space.

    Raises:
        ValueError: members or space cannot be divided in as many parts as asked for.
    """
    if config.space > 1 and (reason := why_not(config.space)):
        raise ValueError(f"training.mesh.space: {config.space} parts of the first axis of space: {reason}")
    of_members = _parts_of_members(config, members)
    devices = jax.device_count() // of_members // max(config.space, 1)
    parts = config.batch or math.gcd(batch, devices)
    if config.batch or config.space:
        return of_members, parts, max(config.space, 1)
    left = devices // parts
    space = next(n for n in range(left, 0, -1) if left % n == 0 and (n == 1 or not why_not(n)))
    return of_members, parts, space


def _parts_of_members(config: MeshConfig, members: int) -> int:
    """Return the number of parts of the members.

    Raises:
        ValueError: they cannot be divided in as many parts as asked for.
    """
    if config.members > 1:
        if members % config.members:
            raise ValueError(
                f"training.mesh.members: expected a divisor of model.members = {members}, got {config.members}"
            )
        if jax.process_count() > 1:
            raise ValueError(
                "training.mesh.members: members are divided in one process, expected 0 or 1 in several, which divide "
                f"the batch (training.mesh.batch); got {config.members}"
            )
    if config.members or config.batch or config.space or jax.process_count() > 1:
        return max(config.members, 1)
    return math.gcd(members, jax.device_count())


def replicated(mesh: Mesh | None, arrays: Any) -> Any:
    """Put arrays on all devices of a mesh; inside a jitted function, state that they are there."""
    return _placed(mesh, arrays, lambda _: P())


def divided(mesh: Mesh | None, arrays: Any, spec: P = ROWS) -> Any:
    """Divide arrays between the devices of a mesh, along their first axis or as `spec` says."""
    return _placed(mesh, arrays, lambda _: spec)


def divided_between_processes(mesh: Mesh | None, batch: tuple[Any, Any]) -> tuple[Any, Any]:
    """Divide the trajectories and parameters of a batch, of which every process has its share, in their order."""
    if mesh is None:
        return jax.tree.map(jnp.asarray, batch)
    specs = (TRAJECTORIES, ROWS)
    first, second = (
        jax.make_array_from_process_local_data(NamedSharding(mesh, spec), array)
        for spec, array in zip(specs, batch, strict=True)
    )
    return first, second


def divided_where_possible(mesh: Mesh | None, arrays: Any) -> Any:
    """Divide each array along its first axis that can be shared by the devices that share a batch.

    Arrays without one are replicated.
    """
    devices = 1 if mesh is None else mesh.shape[AXIS]

    def spec(shape: tuple[int, ...]) -> P:
        fitting = (axis for axis, size in enumerate(shape) if size and size % devices == 0)
        axis = next(fitting, None)
        return P() if axis is None else P(*(None,) * axis, AXIS)

    return _placed(mesh, arrays, spec)


def _placed(mesh: Mesh | None, arrays: Any, spec: Callable[[tuple[int, ...]], P]) -> Any:
    if mesh is None:
        return arrays
    shardings = jax.tree.map(lambda array: NamedSharding(mesh, spec(array.shape)), arrays)
    return jax.lax.with_sharding_constraint(arrays, shardings)


def on_each_device(
    mesh: Mesh | AbstractMesh | None, function: Callable[..., Any], in_specs: tuple[P, ...], out_specs: Any
) -> Callable[..., Any]:
    """Return a function that runs once on each device, on the device's part of every argument.

    Args:
        mesh: None returns the function itself.
        function: computes with the trajectories of one device. It may average over all devices (`mean_over_devices`).
        in_specs, out_specs: the axis of every argument and result that is divided between the devices.
    """
    if mesh is None:
        return function
    return jax.shard_map(function, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False)
