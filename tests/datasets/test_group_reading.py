"""Files with one group per sample: what is selected is what is read, and nothing else is read."""

import h5py
import numpy as np
import pytest
from small_files import allocate, dam_break, place, write_samples

from cape.datasets import hdf5_windows
from cape.datasets.inspection import inspect
from cape.datasets.opening import open_files
from cape.datasets.readers.pdebench_samples import open_samples


@pytest.fixture
def read_shapes(monkeypatch):
    """Shapes of what is read from every dataset of two axes or more, in order."""
    shapes = []
    original = h5py.Dataset.__getitem__

    def recording(self, selection, *args):
        values = original(self, selection, *args)
        if self.ndim > 1:
            shapes.append(values.shape)
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", recording)
    return shapes


def test_opening_reads_no_field_and_reading_only_the_samples_asked_for(tmp_path, read_shapes):
    t = open_samples(dam_break(tmp_path / "a_rdb.h5", radii=np.linspace(0, 1, 9)))
    t = t.subsample(space=2).first_frames(2)
    assert read_shapes == []
    u = t.read([7, 1])
    np.testing.assert_array_equal(u, place(9, 4, (6, 8), 1)[[7, 1], :2, ::2, ::2])
    assert set(read_shapes) == {(2, 6, 8, 1)}


def test_large_frames_that_are_not_wanted_are_not_read(tmp_path, read_shapes):
    u = place(2, 7, (128, 128), 2)  # a frame is 128 KiB
    t = open_samples(write_samples(tmp_path / "2D_diff-react_NA_NA.h5", u)).subsample(time=3)
    np.testing.assert_array_equal(t.read([1]), u[1:, ::3])
    assert read_shapes == [(1, 128, 128, 2)] * 3
    read_shapes.clear()
    np.testing.assert_array_equal(t.subsample(space=4).read([0]), u[:1, ::3, ::4, ::4])
    assert read_shapes == [(1, 128, 128, 2)] * 3


def test_points_that_are_not_wanted_are_not_kept_in_memory(tmp_path, read_shapes, monkeypatch):
    u = place(1, 5, (128, 128), 2)
    t = open_samples(write_samples(tmp_path / "2D_diff-react_NA_NA.h5", u)).subsample(space=4)
    np.testing.assert_array_equal(t.read(), u[:, :, ::4, ::4])
    assert read_shapes == [(5, 128, 128, 2)]  # frames below a MiB: one read is faster
    read_shapes.clear()
    monkeypatch.setattr(hdf5_windows, "PIECE_BYTES", 2**17)
    np.testing.assert_array_equal(t.read(), u[:, :, ::4, ::4])
    assert read_shapes == [(1, 128, 128, 2)] * 5


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_chunks_of_large_frames_are_read_once_each(tmp_path, read_shapes, chunk):
    u = place(1, 7, (128, 128), 2)
    path = write_samples(tmp_path / "2D_diff-react_NA_NA.h5", u)
    with h5py.File(path, "r+") as file:
        del file["0000/data"]
        file["0000"].create_dataset("data", data=u[0], chunks=(chunk, 128, 128, 2), compression=1)
    np.testing.assert_array_equal(open_samples(path).subsample(time=3).read(), u[:, ::3])
    assert [s[0] for s in read_shapes] == {1: [1, 1, 1], 2: [1, 1, 1], 5: [4, 1]}[chunk]


def test_opening_100_gigabytes_costs_no_more_than_the_header(tmp_path, read_shapes):
    path = tmp_path / "2D_rdb_NA_NA.h5"
    dam_break(path, radii=np.linspace(0.3, 0.7, 50))
    with h5py.File(path, "r+") as file:
        for group in file.values():
            for name in ("data", "grid/x", "grid/y"):
                del group[name]
            allocate(group, "data", (4, 11500, 11500, 1))
            group["grid/x"] = group["grid/y"] = (np.arange(11500) + 0.5) / 11500
    t = open_files(path)
    assert np.prod(t.fields.shape) * 4 > 100e9 and path.stat().st_blocks * 512 < 20e6
    assert f"{np.prod(t.fields.shape) * 4 / 2**20:,.1f} MiB" in inspect(path)
    assert read_shapes == []
