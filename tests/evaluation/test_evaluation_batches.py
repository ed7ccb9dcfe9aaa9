"""Batches of an evaluation are bounded in number and in bytes, and do not change its errors."""

import numpy as np
import pytest

from cape.datasets.arrays import in_memory
from cape.datasets.trajectories import Trajectories
from cape.evaluation import batches
from cape.evaluation.evaluate import evaluate
from cape.evaluation.parameter_use import measure_parameter_use

FRAMES, POINTS = 3, 8
OF_SAMPLE = 4 * FRAMES * POINTS  # bytes


def noise(samples=7):
    u = np.random.default_rng(0).normal(size=(samples, FRAMES, POINTS, 1)).astype(np.float32)
    return in_memory(
        u, np.where(np.arange(samples) < 5, 1.0, 2.0)[:, None], ("a",), channel_names=("u",),
        coordinates=(np.arange(POINTS) / POINTS,), times=0.1 * np.arange(FRAMES), boundaries=("periodic",),
    )  # fmt: skip


def step_at(p):
    return lambda u: 0.9 * p[:, :1, None] * u


@pytest.fixture
def read_at_once(monkeypatch):
    """Sizes of all reads in samples."""
    sizes, read = [], Trajectories.read

    def counted(self, samples=None):
        sizes.append(len(samples))
        return read(self, samples)

    monkeypatch.setattr(Trajectories, "read", counted)
    return sizes


@pytest.mark.parametrize(("limit", "most"), [(OF_SAMPLE - 1, 1), (2 * OF_SAMPLE, 2), (3 * OF_SAMPLE - 1, 2)])
def test_batches_have_at_most_the_bytes_or_one_sample(limit, most, monkeypatch, read_at_once):
    expected = evaluate(step_at, noise(), np.array([[1.0]])).rows
    assert max(read_at_once) == 5
    read_at_once.clear()
    monkeypatch.setattr(batches, "MOST_BYTES", limit)
    found = evaluate(step_at, noise(), np.array([[1.0]])).rows
    assert max(read_at_once) == most and sum(read_at_once) == 7
    for a, b in zip(found, expected, strict=True):
        assert a.values == pytest.approx(b.values, rel=1e-5, nan_ok=True)
    read_at_once.clear()
    measure_parameter_use(step_at, noise(), np.array([[1.0]]))
    assert max(read_at_once) == most and sum(read_at_once) == 7


def test_batches_have_at_most_the_number_asked_for(read_at_once):
    evaluate(step_at, noise(), np.array([[1.0]]), batch=3)
    assert read_at_once == [3, 2, 2]
