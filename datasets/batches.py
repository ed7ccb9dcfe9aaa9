"""Shuffled batches as a pure function of (seed, step), from resident arrays or streamed from disk."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import gcd

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cape.datasets.trajectories import Trajectories


def steps_per_epoch(samples: int, batch: int) -> int:
    """Count the batches that go once through all samples; the last may reach into the next epoch."""
    return -(-samples // batch)


def batch_indices(seed, step, samples: int, batch: int) -> Int[Array, " batch"]:
    """Samples of batch number `step`: positions [step·batch, (step+1)·batch) of an endless shuffled stream.

    The stream is one permutation of 0..samples-1 after another, permutation e drawn from (seed, e). So every
    sample comes once an epoch, and a run continued at step n sees what an uninterrupted one sees.
    Traceable in `seed` and `step`; exact for every step an int32 can hold.

    Raises:
        ValueError: for a batch larger than the number of samples.
    """
    if not 1 <= batch <= samples:
        raise ValueError(f"expected a batch of 1 to {samples} (all the samples there are), got {batch}")
    step = jnp.asarray(step).astype(jnp.int32)
    # position = step * batch would overflow int32; the pattern repeats after `cycle` steps, `epochs` epochs.
    cycle, epochs = samples // gcd(samples, batch), batch // gcd(samples, batch)
    position = (step % cycle) * batch
    epoch, first = (step // cycle) * epochs + position // samples, position % samples
    key = jax.random.key(seed)

    def shuffled(epoch):
        return jax.random.permutation(jax.random.fold_in(key, epoch), samples)

    this = shuffled(epoch)
    following = jax.lax.cond(first + batch > samples, shuffled, lambda _: this, epoch + 1)
    return jax.lax.dynamic_slice_in_dim(jnp.concatenate([this, following]), first, batch)


def stream(
    trajectories: Trajectories, seed: int, batch: int, start_step: int = 0
) -> Iterator[
    tuple[int, Float[np.ndarray, "batch time *space channel"], Float[np.ndarray, "batch parameter"]]
]:
    """Yield (step, u, parameters) from `start_step` on, without end, for data that do not fit in memory.

    The batches are those of `batch_indices`, as float32. A thread reads the next batch while this one is
    used; closing the iterator ends it. An error of reading is raised at the batch that met it.
    """
    if not 1 <= batch <= trajectories.samples:  # at the call, not at the first batch
        raise ValueError(f"expected a batch of 1 to {trajectories.samples} (all samples), got {batch}")
    return _stream(trajectories, seed, batch, start_step)


def _stream(trajectories: Trajectories, seed: int, batch: int, step: int) -> Iterator[tuple]:
    indices = jax.jit(partial(batch_indices, seed, samples=trajectories.samples, batch=batch))

    def load(step: int) -> tuple:
        chosen = np.asarray(indices(step))
        return step, trajectories.read(chosen), trajectories.parameters[chosen].astype(np.float32)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="stream") as thread:
        following = thread.submit(load, step)
        while True:
            loaded = following.result()
            step += 1
            following = thread.submit(load, step)
            yield loaded
