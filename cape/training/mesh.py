"""The devices of a training: the trajectories of a batch are divided between them, and each has all weights."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

AXIS = "batch"


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """Which devices a training uses.

    Attributes:
        batch: number of devices that the trajectories of a batch are divided between; 0: all devices, or as many as
            divide the batch.
        weights: "replicated" keeps the weights and the optimiser's state on every device; "divided" keeps a part of
            them on each, and gathers the weights for every update; in one process only.

    Raises:
        ValueError: a number is out of range.
    """

    batch: int = 0
    weights: Literal["replicated", "divided"] = "replicated"

    def __post_init__(self):
        if self.batch < 0:
            raise ValueError(f"training.mesh.batch: expected at least 0, got {self.batch}")


def make_mesh(config: MeshConfig, batch: int) -> Mesh | None:
    """Return the mesh of a training with `batch` trajectories per update; None for one device.

    Raises:
        ValueError: there are fewer devices than asked for, the batch cannot be divided between them, or there are
            several processes, and not all of their devices are used or weights are divided.
    """
    devices = jax.devices()
    if config.batch > len(devices):
        raise ValueError(
            f"training.mesh.batch: expected at most {len(devices)}, the number of devices, got {config.batch}"
        )
    several = jax.process_count() > 1
    if several and config.weights == "divided":
        raise ValueError(
            'training.mesh.weights: "divided" works in one process, expected "replicated" in several'
        )
    count = config.batch or (len(devices) if several else math.gcd(batch, len(devices)))
    if several and count != len(devices):
        raise ValueError(
            f"training.mesh.batch: expected {len(devices)}, all devices of the {jax.process_count()} processes, got "
            f"{count}"
        )
    if batch % count:
        raise ValueError(
            f"training.batch: expected a multiple of training.mesh.batch = {count} devices, got {batch}"
        )
    if count == 1:
        return None
    return jax.make_mesh((count,), (AXIS,), axis_types=(AxisType.Auto,), devices=devices[:count])


def check_one_device(config: MeshConfig) -> None:
    """Raise ValueError if an ensemble is to be trained on several devices."""
    if config.batch > 1 or config.weights == "divided" or jax.process_count() > 1:
        raise ValueError(
            "model.members: an ensemble is trained on one device by one process; set training.mesh.batch to 0 or 1 and "
            'training.mesh.weights to "replicated", or train its members by themselves with `cape sweep`'
        )


def describe_devices(config: MeshConfig, batch: int) -> tuple[str, ...]:
    """Return a line on how many devices share a batch, or nothing if there is one device only."""
    present = jax.device_count()
    if present == 1:
        return ()
    mesh = make_mesh(config, batch)
    used = 1 if mesh is None else mesh.size
    return (f"devices: {used} of {present} share a batch of {batch}, {batch // used} trajectories on each",)


def replicated(mesh: Mesh | None, arrays: Any) -> Any:
    """Put arrays on all devices of a mesh; inside a jitted function, state that they are there."""
    return _placed(mesh, arrays, lambda _: P())


def divided(mesh: Mesh | None, arrays: Any) -> Any:
    """Divide arrays along their first axis between the devices of a mesh."""
    return _placed(mesh, arrays, lambda _: P(AXIS))


def divided_between_processes(mesh: Mesh | None, arrays: Any) -> Any:
    """Divide arrays of which every process has its share of the rows, in the order of the processes."""
    if mesh is None:
        return jax.tree.map(jnp.asarray, arrays)
    sharding = NamedSharding(mesh, P(AXIS))
    return jax.tree.map(lambda array: jax.make_array_from_process_local_data(sharding, array), arrays)


def divided_where_possible(mesh: Mesh | None, arrays: Any) -> Any:
    """Divide each array along its first axis that the number of devices divides, and replicate those without one."""

    devices = 1 if mesh is None else mesh.size

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
    mesh: Mesh | None, function: Callable[..., Any], in_specs: tuple[P, ...], out_specs: Any
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
