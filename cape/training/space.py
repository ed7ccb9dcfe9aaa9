"""Whether the fields of a training can be divided along the first axis of space between devices."""

import functools

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import AbstractMesh, AxisType, Mesh
from jax.sharding import PartitionSpec as P

from cape.model.conditioning import CONDITIONINGS
from cape.model.normalisation import NORMALISATIONS
from cape.solvers.layers.devices import MEMBER
from cape.solvers.layers.divided_space import SPACE
from cape.solvers.solver import SOLVERS
from cape.surrogate import Surrogate
from cape.training.config import TrainingConfig
from cape.training.members import trajectories_of_member
from cape.training.mesh import AXIS, FIELDS, make_mesh, on_each_device


def mesh_for(surrogate: Surrogate, config: TrainingConfig) -> Mesh | None:
    """Return the mesh of a training of a surrogate; None for one device.

    Raises:
        ValueError: see `make_mesh`; also if the surrogate, or its grid, cannot be divided as asked for.
    """
    members, why_not = surrogate.members, functools.partial(why_undividable, surrogate.member(0))
    of_member = trajectories_of_member(config.member_share, config.batch) if members > 1 else 0
    return make_mesh(config.mesh, config.batch, why_not, members, of_member)


def describe_devices(surrogate: Surrogate, config: TrainingConfig) -> tuple[str, ...]:
    """Return a line on what the devices share, or nothing if there is one device only.

    Raises:
        ValueError: see `mesh_for`.
    """
    present = jax.device_count()
    if present == 1:
        return ()
    mesh, batch, members = mesh_for(surrogate, config), config.batch, surrogate.members
    shape = {} if mesh is None else mesh.shape
    of_members, parts, space = (shape.get(axis, 1) for axis in (MEMBER, AXIS, SPACE))
    line = f"devices: {of_members * parts * space} of {present} share "
    if of_members > 1:
        line += f"{members} members, {members // of_members} on each"
        line += f", and {parts} devices share each batch of {batch}" if parts > 1 else ""
    else:
        line += f"a batch of {batch}, {batch // parts} trajectories on each"
    return (line + (f", and {space} devices share each trajectory" if space > 1 else ""),)


def why_undividable(surrogate: Surrogate, parts: int) -> str:
    """Return why the first axis of space cannot be divided in equal `parts`, in words, or nothing if it can.

    A step of the surrogate is traced and not computed.
    """
    grid = surrogate.problem.resolution
    size = " x ".join(map(str, grid))
    if len(grid) < 2:
        return f"expected a grid of two or three axes, got {size} points; set it to 1"
    if grid[0] % parts:
        return f"expected a divisor of {grid[0]}, the points of the first axis of {size}"
    if surrogate.adaptation is not None:
        return "a surrogate that was adapted has no such form; set it to 1"
    for kind, found in _unable(surrogate):
        return f"the {kind} {found!r} has no such form; set it to 1, or choose another {kind}"
    fields = (grid[0] // parts, *grid[1:])
    try:
        _trace_step(surrogate, parts)
    except ValueError as error:
        each = " x ".join(map(str, fields))
        return f"each device would have {each} of {size} points: {error}"
    return ""


def _unable(surrogate: Surrogate) -> list[tuple[str, str]]:
    """Return kind and name of the parts that cannot compute with a part of space."""
    config = surrogate.config
    normalisation = type(surrogate.normalisation)
    used = (
        ("base solver", SOLVERS.name_of(type(config.base)), config.base.divides_space),
        ("conditioning", CONDITIONINGS.name_of(type(config.conditioning)), config.conditioning.divides_space),
        ("normalisation", NORMALISATIONS.name_of(normalisation), normalisation.divides_space),
    )
    return [(kind, name) for kind, name, able in used if not able]


def _trace_step(surrogate: Surrogate, parts: int) -> None:
    """Trace a step of the surrogate on a part of space. Raises ValueError if a layer needs more points."""
    problem = surrogate.problem
    graphdef, state = nnx.split(surrogate)
    mesh = AbstractMesh((parts,), (SPACE,), (AxisType.Auto,))

    def step(state, u, p):
        return nnx.merge(graphdef, state).at(p)(u)

    channels = surrogate.window.history * len(problem.channels)
    u = jax.ShapeDtypeStruct((1, *problem.resolution, channels), jnp.float32)
    p = jax.ShapeDtypeStruct((1, len(problem.parameters)), jnp.float32)
    field = P(None, *FIELDS[1:])
    jax.eval_shape(on_each_device(mesh, step, (P(), field, P()), field), state, u, p)
