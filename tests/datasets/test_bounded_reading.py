"""Reading is bounded by bytes, whatever the size of a sample."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from cape.datasets import fields
from cape.datasets.arrays import in_memory
from cape.datasets.checks import check_values
from cape.datasets.fields import whole
from cape.datasets.fingerprint import fingerprint
from cape.datasets.inspection import _values
from cape.datasets.statistics import channel_statistics
from cape.datasets.stores import MemoryStore
from cape.training.position_dependence import depends_on_position

SAMPLES, FRAMES, POINTS, CHANNELS = 5, 12, 32, 2
U = np.random.default_rng(0).normal(3.0, 1.0, (SAMPLES, FRAMES, POINTS, POINTS, CHANNELS)).astype(np.float32)
FRAME = 8 * U[0, 0].size  # bytes, as float64


@dataclass(frozen=True, eq=False)
class CountingStore(MemoryStore):
    """A store that records the bytes, as float64, of the frames that each read covers."""

    sizes: list = ()

    def blocks(self, runs, window):
        frames = window[0].stop - window[0].start
        self.sizes.extend(FRAME * frames * (stop - start) for start, stop in runs)
        return super().blocks(runs, window)


def counted(u=U):
    """Return trajectories of u, and the list to which the size of every read is appended."""
    x = (np.arange(POINTS) + 0.5) / POINTS
    data = in_memory(
        u,
        np.ones((len(u), 1)),
        ("nu",),
        channel_names=("a", "b"),
        coordinates=(x, x),
        times=0.1 * np.arange(FRAMES),
        boundaries=("periodic",) * 2,
    )
    store = CountingStore(u, sizes=[])
    return replace(data, fields=whole(store)), store.sizes


def with_nan():
    u = U.copy()
    u[1, -1, 3, 4, 1] = u[3, 5, 0, 0, 0] = np.nan
    return u


READERS = {
    "statistics": channel_statistics,
    "fingerprint": fingerprint,
    "drop_nonfinite": lambda t: t.drop_nonfinite(),
    "check": lambda t: check_values({"test": t}, kept=()),
    "values": _values,
    "read": lambda t: t.read(),
    "position": depends_on_position,
    "strided": lambda t: t.subsample(time=3).drop_nonfinite(),
}


@pytest.mark.parametrize("limit", [1, FRAME, 3 * FRAME, FRAMES * FRAME, 2 * FRAMES * FRAME])
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_no_read_is_larger_than_the_limit_or_a_frame(reader, limit, monkeypatch):
    monkeypatch.setattr(fields, "BLOCK_BYTES", limit)
    trajectories, sizes = counted()
    reader(trajectories)
    assert 0 < max(sizes) <= max(limit, FRAME)


def test_a_limit_that_holds_all_samples_is_used_in_one_read():
    trajectories, sizes = counted()
    channel_statistics(trajectories)
    assert sizes == [U.size * 8]


@pytest.mark.parametrize("limit", [1, 5 * FRAME, 2 * FRAMES * FRAME])
def test_results_do_not_depend_on_the_size_of_a_read(limit, monkeypatch):
    trajectories, _ = counted()
    bad, _ = counted(with_nan())
    expected = channel_statistics(trajectories), fingerprint(trajectories), depends_on_position(trajectories)
    described = _values(bad)
    monkeypatch.setattr(fields, "BLOCK_BYTES", limit)
    for found, value in zip(channel_statistics(trajectories), expected[0], strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-9)
    assert (fingerprint(trajectories), depends_on_position(trajectories)) == expected[1:]
    np.testing.assert_array_equal(trajectories.subsample(2, 3).read([4, 0]), U[[4, 0], ::3, ::2, ::2])
    np.testing.assert_array_equal(bad.drop_nonfinite().read(), U[[0, 2, 4]])
    assert _values(bad)[-1] == described[-1]  # 2 of 5 samples


def test_statistics_are_those_of_the_formula():
    mean, std, lowest, drift = channel_statistics(counted()[0])
    u = U.astype(np.float64)
    np.testing.assert_allclose(mean, u.mean((0, 1, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(std, u.std((0, 1, 2, 3)), rtol=1e-9)
    np.testing.assert_array_equal(lowest, u.min((0, 1, 2, 3)))
    means = u.mean((2, 3))
    np.testing.assert_allclose(drift, np.sqrt(((means - means[:, :1]) ** 2).mean((0, 1))), rtol=1e-9)


@pytest.mark.parametrize("limit", [FRAME, 2**30])
def test_statistics_of_data_with_nan_name_all_samples(limit, monkeypatch):
    monkeypatch.setattr(fields, "BLOCK_BYTES", limit)
    with pytest.raises(ValueError, match=r"2 sample\(s\) with NaN or infinity \(number 1, 3\).*all of the 5"):
        channel_statistics(counted(with_nan())[0])
