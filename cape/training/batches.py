"""What a training feeds on: batches as a pure function of (seed, update), augmented where asked for."""

import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.datasets.batches import batch_indices, stream
from cape.datasets.symmetries import Augmentation, augment, symmetries_of
from cape.datasets.trajectories import Trajectories
from cape.problem import Problem
from cape.training.sampling import Draw
from cape.window import ONE_FRAME, Window

Batch = tuple[Float[Array, "batch time *space channel"], Float[Array, "batch parameter"]]


def resident(training: Trajectories, seed: int, size: int, start: int, draw: Draw) -> Iterator[Batch]:
    """Yield the batches of update `start`, `start + 1`, ... from data that stay in the accelerator's memory.

    `draw.now` are the chances of the trajectories; without, every one comes once an epoch.
    """
    frames = jnp.asarray(training.read())
    parameters = jnp.asarray(training.parameters, jnp.float32)

    @jax.jit
    def take(frames, parameters, step, chances):
        if chances is None:
            chosen = batch_indices(seed, step, frames.shape[0], size)
        else:
            key = jax.random.fold_in(jax.random.key(seed), step)
            chosen = jax.random.choice(key, frames.shape[0], (size,), p=chances)
        return frames[chosen], parameters[chosen]

    step = start
    while True:
        yield take(frames, parameters, step, draw.now)
        step += 1


def streamed(training: Trajectories, seed: int, size: int, start: int) -> Iterator[Batch]:
    """Yield the same batches as `resident` (every trajectory once an epoch), each read from disk when it is due."""
    for _, frames, parameters in stream(training, seed, size, start):
        yield jnp.asarray(frames), jnp.asarray(parameters, jnp.float32)


def windowed(batches: Iterator[Batch], window: Window) -> Iterator[Batch]:
    """Cut the trajectories of every batch into the states that a step goes between."""
    if window == ONE_FRAME:
        return batches
    cut = jax.jit(window.states)
    return ((cut(frames), p) for frames, p in batches)


def augmented(
    batches: Iterator[Batch], problem: Problem, augmentation: Augmentation, seed: int, start: int
) -> Iterator[Batch]:
    """Replace the trajectories of every batch by images under the equation's symmetries, where asked for."""
    if not augmentation.active:
        return batches
    symmetries = symmetries_of(problem.equation, problem.boundaries)
    speed = problem.length[0] / problem.resolution[0] / problem.dt
    alike = len(set(zip(problem.resolution, problem.length, problem.boundaries, strict=True))) == 1
    key = jax.random.key(seed + 1)

    @functools.partial(jax.jit, static_argnums=3)
    def image(frames, p, step, stride):
        return augment(
            symmetries,
            augmentation,
            frames,
            p,
            jax.random.fold_in(key, step),
            parameter_names=problem.parameters,
            channel_names=problem.channels,
            speed=speed,
            exchange=alike,
            stride=stride,
        )

    def stride(step: int) -> int:
        return int(np.random.default_rng((seed, step)).choice(augmentation.strides))

    return (image(*batch, step, stride(step)) for step, batch in enumerate(batches, start))
