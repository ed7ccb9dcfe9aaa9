"""Shuffled batches as a pure function of (seed, step), of arrays in memory or streamed from disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import gcd
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from cape.datasets.rereading import read_again_after_errors
from cape.datasets.trajectories import Trajectories

_AHEAD = 2  # batches that are read before they are due


def steps_per_epoch(samples: int, batch: int) -> int:
    """Return the number of batches in one pass through all samples; the last may reach into the next epoch."""
    return -(-samples // batch)


def batch_indices(seed, step, samples: int, batch: int) -> Int[Array, " batch"]:
    """Return the samples of batch number `step`: positions [step·batch, (step+1)·batch) of an endless shuffled stream.

    The stream is a sequence of permutations of 0..samples-1; permutation e is drawn from (seed, e). Every sample
    therefore appears once per epoch, and a run that is continued at step n gets the batches of an uninterrupted one.
    jax can trace the function in `seed` and `step`. It is exact for every step that an int32 can hold.

    Raises:
        ValueError: the batch is empty or larger than the number of samples.
    """
    if not 1 <= batch <= samples:
        raise ValueError(f"expected a batch of 1 to {samples} (all samples), got {batch}")
    step = jnp.asarray(step).astype(jnp.int32)
    # step * batch would overflow int32; the pattern repeats after `cycle` steps, which are `epochs` epochs
    cycle, epochs = samples // gcd(samples, batch), batch // gcd(samples, batch)
    position = (step % cycle) * batch
    epoch, first = (step // cycle) * epochs + position // samples, position % samples
    key = jax.random.key(seed)

    def shuffled(epoch):
        return jax.random.permutation(jax.random.fold_in(key, epoch), jnp.arange(samples, dtype=jnp.int32))

    this = shuffled(epoch)
    following = jax.lax.cond(first + batch > samples, shuffled, lambda _: this, epoch + 1)
    return jax.lax.dynamic_slice_in_dim(jnp.concatenate([this, following]), first, batch)


def stream(
    trajectories: Trajectories,
    seed: int,
    batch: int,
    start_step: int = 0,
    rows: slice = slice(None),
    place: Callable[[tuple[np.ndarray, np.ndarray]], tuple[Any, Any]] = tuple,  # type: ignore[assignment]
) -> Iterator[tuple[int, Any, Any]]:
    """Yield (step, u, parameters) from `start_step` on, without end, for data that do not fit in memory.

    The batches are those of `batch_indices`, as float32: u [batch, time, *space, channel] and parameters [batch,
    parameter]. A thread reads the next two batches while this one is used, and applies `place` to them, which may copy
    them to a device. Closing the iterator stops the thread. A batch that cannot be read is read again (see
    `read_again_after_errors`); if that fails, the error is raised when the batch is due. Only these `rows` of every
    batch are read.

    Raises:
        ValueError: the batch is empty or larger than the number of samples.
    """
    if not 1 <= batch <= trajectories.samples:  # raised here, and not when the first batch is asked for
        raise ValueError(f"expected a batch of 1 to {trajectories.samples} (all samples), got {batch}")
    return _stream(trajectories, seed, batch, start_step, rows, place)


def _stream(
    trajectories: Trajectories, seed: int, batch: int, step: int, rows: slice, place: Callable[..., Any]
) -> Iterator[tuple]:
    indices = jax.jit(partial(batch_indices, seed, samples=trajectories.samples, batch=batch))

    def load(step: int) -> tuple:
        chosen = np.asarray(indices(step))[rows]
        u = read_again_after_errors(trajectories, chosen)
        return step, *place((u, trajectories.parameters[chosen].astype(np.float32)))

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="stream") as thread:
        following = deque(thread.submit(load, step + number) for number in range(_AHEAD))
        try:
            while True:
                loaded = following.popleft().result()
                following.append(thread.submit(load, step + _AHEAD))
                step += 1
                yield loaded
        finally:
            for each in following:
                each.cancel()
