"""Files of arrays that are damaged, half written or hostile: one line each."""

import fcntl
import json
import shutil

import array_files as files
import h5py
import numpy as np
import pytest
from array_files import NU, U

import cape
from cape.datasets.opening import open_files

DESCRIPTION = {"axes": "sample time x", "parameters": {"nu": NU}, "dt": 0.25, "dx": 1 / 16}


def refused(message, path, **description):
    with pytest.raises((ValueError, OSError), match=message) as raised:
        cape.open(path, **description).read()
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


def truncate(path, fraction=0.6):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * fraction)])
    return path


def test_truncated_files_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", U)
    refused("damaged, truncated or still being written", truncate(tmp_path / "a.npy"), **DESCRIPTION)
    (tmp_path / "b.npy").write_bytes(b"")
    refused("damaged, truncated or still being written", tmp_path / "b.npy", **DESCRIPTION)
    refused("not a complete .npz archive", truncate(files.npz(tmp_path / "c.npz")))
    refused("cannot be read as a MATLAB file", truncate(files.matlab(tmp_path / "d.mat")))
    refused("d.h5: cannot be opened as HDF5", truncate(files.hdf5(tmp_path / "d.h5")))
    refused("e.mat: ", truncate(files.matlab_73(tmp_path / "e.mat")))


def test_python_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], object), allow_pickle=True)
    refused("holds Python objects, which are not read", tmp_path / "a.npy", **DESCRIPTION)
    files.npz(tmp_path / "b.npz", u=np.full((6, 5, 16), None, object))
    refused("found u .*Missing", tmp_path / "b.npz")
    files.npz(tmp_path / "c.npz", nu=np.array(["a"] * 6))
    refused("Missing: the parameters", tmp_path / "c.npz")
    refused("complex|Missing", files.npz(tmp_path / "d.npz", u=U * 1j))


def test_values_that_were_never_written_are_refused(tmp_path):
    path = files.hdf5(tmp_path / "a.h5", u=None)
    with h5py.File(path, "a") as file:
        file.create_dataset("u", U.shape, "f8", chunks=(1, 5, 16))[:3] = U[:3]
    refused("'u' is incomplete: 3 of its 6 chunks were never written", path)


def test_groups_that_differ_are_refused(tmp_path):
    path = files.groups(tmp_path / "a.h5")
    with h5py.File(path, "a") as file:
        del file["run 9/u"]
        file["run 9/u"] = U[0, :3]
    refused("'run 9/u' has axes", path)
    with h5py.File(path, "a") as file:
        del file["run 9/u"]
    refused("no dataset 'run 9/u', expected it in every group", path)


def test_a_file_that_is_open_for_writing_is_refused(tmp_path):
    path = files.hdf5(tmp_path / "a.h5")
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as HDF5 does when it writes
        refused("locked: another process has the file open for writing", path)


def test_a_file_that_changes_after_it_was_opened_is_noticed(tmp_path):
    data = cape.open(files.npz(tmp_path / "a.npz"))
    files.npz(tmp_path / "a.npz", u=U[:4], nu=NU[:4])
    with pytest.raises(
        ValueError, match=r"'u' was \[6, 5, 16\] when the file was opened, and is \[4, 5, 16\] now"
    ):
        data.read()


def test_nan_is_named_with_file_and_sample(tmp_path):
    u = U.copy()
    u[3, 2, 1] = np.nan
    refused(r"a.npz: 1 sample\(s\) with NaN or infinity \(number 3\)", files.npz(tmp_path / "a.npz", u=u))
    assert open_files(tmp_path / "a.npz").drop_nonfinite().samples == 5


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_stores_that_are_half_there_are_refused(tmp_path, version):
    pytest.importorskip("zarr", reason="the extra `formats` is not installed")
    pytest.importorskip("xarray", reason="the extra `formats` is not installed")
    path = files.zarr_store(tmp_path / "a.zarr", version)
    chunk = path / "u" / ("1.0.0" if version == 2 else "c/1/0/0")
    content = chunk.read_bytes()
    chunk.unlink()
    refused("1 of the 3 chunks of 'u' are missing, as in an unfinished copy", path)
    assert len(cape.open(path, trusted=True).drop_nonfinite().parameters) == 4  # the fill value is NaN
    chunk.write_bytes(content[:-20])
    refused("a.zarr: ", path)
    chunk.write_bytes(content)
    metadata = "zarr.json" if version == 3 else ".zarray"
    (path / "u" / metadata).rename(path / "u" / "gone")
    refused("metadata", path)
    (path / "u" / "gone").rename(path / "u" / metadata)
    cape.open(path).read()
    (path / ("zarr.json" if version == 3 else ".zgroup")).write_text("{")
    refused("not a complete zarr store: its metadata are missing or damaged", path)
    shutil.rmtree(path)
    path.mkdir()
    refused("not a complete zarr store", path)


def test_plain_zarr_arrays_are_described(tmp_path):
    zarr = pytest.importorskip("zarr", reason="the extra `formats` is not installed")
    pytest.importorskip("xarray", reason="the extra `formats` is not installed")
    zarr.save_array(tmp_path / "a.zarr", U)
    np.testing.assert_array_equal(
        cape.open(tmp_path / "a.zarr", **DESCRIPTION).read()[..., 0], U.astype("f4")
    )
    zarr.save_group(tmp_path / "b.zarr", **files.ARRAYS)
    assert json.dumps(open_files(tmp_path / "b.zarr").parameter_names) == '["nu"]'
