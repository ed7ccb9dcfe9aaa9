"""The batches of a training: a pure function of (seed, update), augmented if asked for."""

import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float, Int

from cape.datasets.augmentation import augment, symmetries_of
from cape.datasets.batches import batch_indices, stream
from cape.datasets.trajectories import Trajectories
from cape.problem import Problem
from cape.solvers.layers.divided_space import SPACE
from cape.training.config import TrainingConfig
from cape.training.mesh import TRAJECTORIES, divided, divided_between_processes, replicated
from cape.training.sampling import TrajectorySampler
from cape.window import ONE_FRAME, Window

_MOST_DESCRIBED = 8
Batch = tuple[Float[Array, "batch time *space channel"], Float[Array, "batch parameter"]]


def batches_from(
    update: int,
    training: Trajectories,
    config: TrainingConfig,
    problem: Problem,
    window: Window,
    sampler: TrajectorySampler,
    mesh: Mesh | None = None,
) -> Iterator[Batch]:
    """Yield the batches of update `update`, `update + 1`, ...: states of the window and PDE parameters.

    The trajectories of a batch are divided between the devices of the mesh.

    Raises:
        ValueError: augmentation is asked for, and the equation has no symmetries that fit.
    """
    if config.storage == "device":
        batches = resident(training, config.seed, config.batch, update, sampler, mesh)
    else:
        batches = streamed(training, config.seed, config.batch, update, mesh)
    return windowed(augmented(batches, problem, config, update, mesh), window)


def resident(
    training: Trajectories,
    seed: int,
    size: int,
    update: int,
    sampler: TrajectorySampler,
    mesh: Mesh | None = None,
) -> Iterator[Batch]:
    """Yield batches from data that stay in the memory of the devices, with the sampler's present probabilities.

    Every device has its part of space of all trajectories.
    """
    frames = divided(mesh, jnp.asarray(training.read()), P(None, None, SPACE))
    parameters = replicated(mesh, jnp.asarray(training.parameters, jnp.float32))

    @jax.jit
    def take(frames, parameters, update, probabilities):
        chosen = divided(mesh, drawn(seed, update, frames.shape[0], size, probabilities))
        return divided(mesh, frames[chosen], TRAJECTORIES), divided(mesh, parameters[chosen])

    while True:
        yield take(frames, parameters, update, sampler.probabilities)
        update += 1


def drawn(seed: int, update, samples: int, size: int, probabilities) -> Int[Array, " batch"]:
    """Return the indices of the trajectories of an update, counted from 0; jax can trace it in `update`.

    Without probabilities, every trajectory comes once an epoch.
    """
    if probabilities is None:
        return batch_indices(seed, update, samples, size)
    key = jax.random.fold_in(jax.random.key(seed), update)
    return jax.random.choice(key, samples, (size,), p=probabilities).astype(jnp.int32)


def describe_batch(
    training: Trajectories, config: TrainingConfig, sampler: TrajectorySampler, update: int
) -> str:
    """Return the initial conditions and the parameter values of an update in words; updates are counted from 1."""
    probabilities = sampler.probabilities
    chosen = np.asarray(drawn(config.seed, update - 1, training.samples, config.batch, probabilities))
    shown = []
    for sample in chosen[:_MOST_DESCRIBED]:
        values = zip(training.parameter_names, training.parameters[sample], strict=True)
        at = " ".join(f"{name}={value:.6g}" for name, value in values)
        shown.append(f"{training.initial_conditions[sample]}" + (f" at {at}" if at else ""))
    more = f" and {len(chosen) - len(shown)} more" if len(chosen) > len(shown) else ""
    return f"initial conditions {', '.join(shown)}{more}"


def streamed(
    training: Trajectories, seed: int, size: int, update: int, mesh: Mesh | None = None
) -> Iterator[Batch]:
    """Yield the batches of `resident` (every trajectory once an epoch), each read from disk before it is needed.

    A thread reads them and copies them to the devices. Each process reads the trajectories of its own devices.
    """
    share = size // jax.process_count()
    rows = slice(jax.process_index() * share, (jax.process_index() + 1) * share)
    place = functools.partial(divided_between_processes, mesh)
    for _, frames, parameters in stream(training, seed, size, update, rows, place):
        yield frames, parameters


def windowed(batches: Iterator[Batch], window: Window) -> Iterator[Batch]:
    """Split the trajectories of every batch into the states of a window."""
    if window == ONE_FRAME:
        return batches
    states = jax.jit(window.states)
    return ((states(frames), p) for frames, p in batches)


def augmented(
    batches: Iterator[Batch], problem: Problem, config: TrainingConfig, update: int, mesh: Mesh | None = None
) -> Iterator[Batch]:
    """Replace the trajectories of every batch by random images under the equation's symmetries, if asked for."""
    augmentation = config.augmentation
    if not augmentation.active:
        return batches
    symmetries = symmetries_of(problem.equation, problem.boundaries)
    speed = problem.length[0] / problem.resolution[0] / problem.dt
    equal_axes = len(set(zip(problem.resolution, problem.length, problem.boundaries, strict=True))) == 1
    key = jax.random.key(config.seed + 1)

    @functools.partial(jax.jit, static_argnums=3)
    def image(frames, p, update, stride):
        frames, p = augment(
            symmetries,
            augmentation,
            frames,
            p,
            jax.random.fold_in(key, update),
            parameter_names=problem.parameters,
            channel_names=problem.channels,
            speed=speed,
            exchange=equal_axes,
            stride=stride,
        )
        return divided(mesh, frames, TRAJECTORIES), divided(mesh, p)

    def stride(update: int) -> int:
        return int(np.random.default_rng((config.seed, update)).choice(augmentation.strides))

    return (image(*batch, number, stride(number)) for number, batch in enumerate(batches, update))
