"""Batches: a pure function of (seed, step), the same from memory and from disk."""

from itertools import islice
from math import ceil

import jax
import numpy as np
import pytest
from small_files import scalar_field, write_scalar

from cape.datasets.batches import batch_indices, steps_per_epoch, stream
from cape.datasets.opening import open_files
from cape.datasets.readers.pdebench_scalar import open_scalar

compiled = jax.jit(batch_indices, static_argnames=("samples", "batch"))


def positions(seed, samples, batch, steps, start=0):
    return np.concatenate([compiled(seed, step, samples, batch) for step in range(start, start + steps)])


@pytest.mark.parametrize(("samples", "batch"), [(10, 5), (10, 3), (7, 7), (5, 4), (6, 4), (3, 1)])
def test_every_epoch_holds_every_sample_once(samples, batch):
    order = positions(0, samples, batch, steps=4 * samples)
    epochs = order[: len(order) // samples * samples].reshape(-1, samples)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(samples), (len(epochs), 1)))
    if samples > 4:
        assert len({tuple(e) for e in epochs.tolist()}) > 1


def test_the_stream_of_samples_does_not_depend_on_the_batch():
    orders = [positions(3, 12, batch, steps=24 // batch) for batch in (1, 2, 8, 12)]
    for order in orders[1:]:
        np.testing.assert_array_equal(order, orders[0])


def test_a_function_of_seed_and_step():
    np.testing.assert_array_equal(positions(0, 9, 4, 6)[8:], positions(0, 9, 4, 4, start=2))
    np.testing.assert_array_equal(batch_indices(0, 5, 9, 4), positions(0, 9, 4, 1, start=5))
    assert (positions(0, 9, 4, 6) != positions(1, 9, 4, 6)).any()


def test_steps_beyond_the_range_of_int32_positions():
    samples, batch, step = 1000, 999, 2**31 - 1
    key = jax.random.fold_in(jax.random.key(0), step * batch // samples)
    first = step * batch % samples  # 647: the batch reaches into the next epoch
    expected = jax.random.permutation(key, samples)[first:]
    np.testing.assert_array_equal(batch_indices(0, step, samples, batch)[: samples - first], expected)


def test_steps_per_epoch():
    for samples, batch in ((10, 5), (10, 3), (1, 1), (201, 50)):
        assert steps_per_epoch(samples, batch) == ceil(samples / batch)


def test_batch_must_fit():
    for batch in (0, 11):
        with pytest.raises(ValueError, match=rf"expected a batch of 1 to 10 .*, got {batch}"):
            batch_indices(0, 0, 10, batch)


@pytest.fixture
def varying(tmp_path):
    """Two files of 4 and 3 samples, each sample at its own Nu."""
    nu = np.geomspace(1e-8, 1, 7)
    first = write_scalar(tmp_path / "a.hdf5", scalar_field(samples=7)[:4], datasets={"Nu": nu[:4]})
    second = write_scalar(tmp_path / "b.hdf5", scalar_field(samples=7)[4:], datasets={"Nu": nu[4:]})
    return open_files([first, second])


def test_streamed_batches_equal_resident_ones(varying):
    t = varying.subsample(space=2, time=2)
    u, parameters = jax.numpy.asarray(t.read()), jax.numpy.asarray(t.parameters, jax.numpy.float32)
    streamed = stream(t, seed=4, batch=3, start_step=5)
    for expected, (step, u_batch, p_batch) in enumerate(islice(streamed, 8), start=5):
        chosen = compiled(4, step, t.samples, 3)
        assert step == expected and u_batch.dtype == p_batch.dtype == np.float32
        np.testing.assert_array_equal(u_batch, u[chosen])
        np.testing.assert_array_equal(p_batch, parameters[chosen])
    streamed.close()


def test_stream_refuses_too_large_a_batch_at_the_call(varying):
    with pytest.raises(ValueError, match="expected a batch of 1 to 7"):
        stream(varying, seed=0, batch=8)


def test_an_error_of_reading_reaches_the_reader(tmp_path):
    u = scalar_field()
    u[4, 0, 0] = np.nan
    t = open_scalar(write_scalar(tmp_path / "bad.hdf5", u, Nu=1.0))
    with pytest.raises(ValueError, match=r"bad.hdf5: 1 sample\(s\) with NaN or infinity \(number 4\)"):
        list(islice(stream(t, seed=0, batch=2), 3))
