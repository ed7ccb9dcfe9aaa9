"""Files are not begun on a disk that has no room for them."""

import errno
import os
import shutil
from collections import namedtuple

import numpy as np
import pytest

from cape.datasets.disk_space import check_free, reserve
from cape.datasets.simulate.simulation import simulate
from cape.datasets.simulate.writer import file_size, write, writing

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def free(monkeypatch):
    """Set the free space that a disk seems to have."""
    return lambda size: monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, size))


def layout_of(samples=3, frames=4, points=(8, 8), channels=("a", "b")):
    return {
        "parameters": np.arange(samples, dtype=float)[:, None],
        "parameter_names": ("nu",),
        "coordinates": [np.arange(n) / n for n in points],
        "times": 0.1 * np.arange(frames),
        "initial_conditions": np.arange(samples),
        "channel_names": channels,
        "attributes": {"equation": "unknown"},
    }


def small(path, **sizes):
    layout = layout_of(**sizes)
    points, channels = map(len, layout["coordinates"]), len(layout["channel_names"])
    shape = (len(layout["initial_conditions"]), len(layout["times"]), *points, channels)
    return write(path, np.random.default_rng(0).normal(size=shape), **layout)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system cannot reserve space")
def test_space_is_reserved_before_fields_are_written(tmp_path):
    with writing(tmp_path / "a.hdf5", **layout_of(samples=1000)):
        (temporary,) = tmp_path.glob("*.partial.hdf5")
        reserved = 512 * temporary.stat().st_blocks
    assert reserved >= (tmp_path / "a.hdf5").stat().st_size > 1000 * 4 * 64 * 2 * 4


@pytest.mark.parametrize(
    "sizes", [{}, {"samples": 500, "frames": 2, "points": (4,), "channels": tuple("abcdef")}]
)
def test_the_size_of_a_file_is_not_underestimated(sizes, tmp_path):
    shape = {"samples": 3, "frames": 4, "points": (8, 8), "channels": ("a", "b")} | sizes
    found = small(tmp_path / "a.hdf5", **sizes).stat().st_size
    expected = file_size((shape["samples"], shape["frames"], *shape["points"]), len(shape["channels"]), 1)
    assert found <= expected <= found + 2**17


def test_a_full_disk_is_an_error_that_says_what_is_needed(free, tmp_path):
    free(50_000)
    with pytest.raises(OSError, match=r"0.1 MiB are needed, 0.0 MiB are free on this disk: ") as error:
        small(tmp_path / "a.hdf5")
    assert error.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_a_simulation_begins_no_file_if_not_all_fit(free, tmp_path):
    free(200_000)  # enough for one
    with pytest.raises(OSError, match=r"0.2 MiB are needed, 0.2 MiB are free"):
        simulate(
            "advection", tmp_path / "s", {"beta": "1,2,3"}, samples=2, resolution=16, frames=3, progress=False
        )
    assert list(tmp_path.iterdir()) == []


def test_a_quota_is_reported_like_a_full_disk(monkeypatch, tmp_path):
    def refuse(*_):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    with pytest.raises(OSError, match=rf"{os.strerror(errno.EDQUOT)}: .* MiB are needed.*a.hdf5'"):
        small(tmp_path / "a.hdf5")
    assert list(tmp_path.iterdir()) == []


def test_systems_that_cannot_reserve_space_check_what_is_free(monkeypatch, free, tmp_path):
    def unsupported(*_):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(os, "posix_fallocate", unsupported, raising=False)
    assert small(tmp_path / "a.hdf5").stat().st_size > 0
    monkeypatch.delattr(os, "posix_fallocate")
    assert small(tmp_path / "b.hdf5").stat().st_size > 0
    free(10)
    with pytest.raises(OSError, match="are needed"):
        small(tmp_path / "c.hdf5")
    check_free(tmp_path / "not" / "there" / "yet", 10)


def test_reserving_keeps_what_a_file_holds(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    reserve(path, 2)
    assert path.read_bytes() == b"abc"
