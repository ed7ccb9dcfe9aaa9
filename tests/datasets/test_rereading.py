"""Reading again: errors that pass are waited for, others name the file and the sample."""

import numpy as np
import pytest
from small_files import scalar_field, write_scalar

from cape.datasets import rereading
from cape.datasets.batches import stream
from cape.datasets.not_finite import NotFinite
from cape.datasets.opening import open_files
from cape.datasets.stores import FileStore


@pytest.fixture(autouse=True)
def waited(monkeypatch):
    seconds = []
    monkeypatch.setattr(rereading.time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "1D_Advection_Sols_beta1.0.hdf5"
    write_scalar(path, scalar_field(6, 5, 8))
    return path


def failing(monkeypatch, times, sample=None):
    """Let the first `times` reads fail, of those that contain a sample."""
    blocks, calls = FileStore.blocks, []

    def blocks_or_error(store, runs, window):
        if sample is None or any(start <= sample < stop for start, stop in runs):
            calls.append(runs)
            if len(calls) <= times:
                raise OSError(f"{store.name}: Input/output error")
        return blocks(store, runs, window)

    monkeypatch.setattr(FileStore, "blocks", blocks_or_error)


@pytest.mark.parametrize("times", [1, 2])
def test_an_error_that_passes_does_not_change_what_is_read(times, file, waited, monkeypatch):
    data = open_files(file)
    expected = data.read([4, 1])
    failing(monkeypatch, times)
    with pytest.warns(
        UserWarning, match=r"beta1\.0\.hdf5: Input/output error; reading again in [15] s \([12] of 2\)"
    ):
        np.testing.assert_array_equal(rereading.read_again_after_errors(data, np.array([4, 1])), expected)
    assert waited == [1.0, 5.0][:times]


def test_an_error_that_stays_names_the_file_and_the_sample(file, monkeypatch):
    data = open_files(file).select([5, 3, 0])
    failing(monkeypatch, 100, sample=3)
    message = rf"{file}: Input/output error \(sample 3 of the file, after 3 attempts\)"
    with pytest.raises(OSError, match=message), pytest.warns(UserWarning, match="reading again"):
        rereading.read_again_after_errors(data, np.array([0, 1, 2]))


def test_a_stream_reads_again(file, monkeypatch):
    data = open_files(file)
    expected = [u for _, (_, u, _) in zip(range(3), stream(data, 0, 2), strict=False)]
    failing(monkeypatch, 1, sample=2)
    with pytest.warns(UserWarning, match="reading again"):
        found = [u for _, (_, u, _) in zip(range(3), stream(data, 0, 2), strict=False)]
    np.testing.assert_array_equal(found, expected)


def test_values_that_are_not_finite_are_not_read_again(tmp_path, waited):
    u = scalar_field(6, 5, 8)
    u[2, 3, 4] = np.nan
    path = tmp_path / "1D_Advection_Sols_beta1.0.hdf5"
    write_scalar(path, u)
    with pytest.raises(NotFinite):
        rereading.read_again_after_errors(open_files(path), np.array([1, 2]))
    assert waited == []
