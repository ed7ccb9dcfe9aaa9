"""Files of arrays: every format gives the same trajectories, and nothing is read on opening."""

import array_files as files
import numpy as np
import pytest
from array_files import NU, TIMES, U, X

import cape
from cape.datasets.inspection import inspect
from cape.datasets.opening import open_files


def skip_without_formats():
    for package in ("xarray", "h5netcdf", "zarr"):
        pytest.importorskip(package, reason=f"the extra `formats` ({package}) is not installed")


def check(data, names=("nu",)):
    np.testing.assert_array_equal(data.read()[..., 0], U.astype(np.float32))
    np.testing.assert_array_equal(data.read([5, 2, 2])[..., 0], U[[5, 2, 2]].astype(np.float32))
    part = data.subsample(space=2, time=2).select([4, 1])
    np.testing.assert_array_equal(part.read()[..., 0], U[[4, 1], ::2, ::2].astype(np.float32))
    np.testing.assert_allclose(data.parameters, NU[:, None])
    np.testing.assert_allclose(data.times, TIMES)
    np.testing.assert_allclose(data.coordinates[0], X)
    assert data.parameter_names == names and data.channel_names == ("u",) and data.boundaries == ("periodic",)
    assert len(set(data.initial_conditions.tolist())) == data.samples


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.npz", files.npz),
        ("b.npz", lambda path: files.npz(path, compressed=True)),
        ("c.h5", files.hdf5),
        ("d.h5", files.groups),
        ("e.mat", files.matlab),
        ("f.mat", files.matlab_73),
    ],
)
def test_files_that_speak_for_themselves_need_no_description(tmp_path, name, write):
    path = write(tmp_path / name)
    check(cape.open(path))
    check(open_files(tmp_path, trusted=True))
    text = " ".join(inspect(path).split())
    assert "layout arrays" in text and "read axes sample time x" in text and "periodic is assumed" in text


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.nc", files.netcdf),
        ("b.nc", lambda path: files.netcdf(path, "scipy")),
        ("c.zarr", files.zarr_store),
        ("d.zarr", lambda path: files.zarr_store(path, 3)),
    ],
)
def test_names_of_dimensions_are_used(tmp_path, name, write):
    skip_without_formats()
    path = write(tmp_path / name)
    check(cape.open(path))
    check(open_files(tmp_path))
    assert "read times from 'time'" in " ".join(inspect(path).split())


def test_datasets_of_xarray_are_taken_as_they_are():
    skip_without_formats()
    dataset = files.dataset()
    check(cape.open(dataset))
    transposed = dataset.transpose("x", "time", "run")
    check(cape.open(transposed))
    by_value = dataset.isel(run=[0, 2, 4]).drop_vars("nu").assign_coords(run=NU[::2]).rename(run="nu")
    assert cape.open(by_value).parameters[:, 0].tolist() == NU[::2].tolist()  # the axis is the parameter
    both = dataset.assign_coords(run=NU).drop_vars("nu").expand_dims(seed=2).rename(run="nu")
    with pytest.raises(ValueError, match="made one first, by `Dataset.stack`") as raised:
        cape.open(both)
    assert 'cape.open(dataset, axes="sample ... time x"' in str(raised.value)
    assert cape.open(both.stack(sample=("seed", "nu")), parameters="nu").samples == 2 * files.SAMPLES
    one = cape.open(dataset["u"], parameters={"nu": NU}, boundaries="wall", equation="heat")
    assert one.boundaries == ("wall",) and one.equation == "heat" and one.channel_names == ("u",)
    dated = dataset.assign_coords(
        time=np.datetime64("2020-01-01", "ns") + np.arange(5) * np.timedelta64(90, "s")
    )
    np.testing.assert_allclose(cape.open(dated).times, 90.0 * np.arange(5))


def test_axes_may_have_any_order_and_several_channels(tmp_path):
    np.save(tmp_path / "a.npy", np.stack([U, -U], axis=1).T)  # [x, time, channel, sample]
    data = cape.open(
        tmp_path / "a.npy",
        axes="x time channel sample",
        channels=["a", "b"],
        parameters={"nu": NU},
        dt=0.25,
        dx=1 / 16,
        initial_conditions=np.arange(6) % 2,
    )
    np.testing.assert_array_equal(data.read(), np.stack([U, -U], -1).astype(np.float32))
    assert data.channel_names == ("a", "b") and data.initial_conditions.tolist() == [0, 1] * 3
    path = files.npz(tmp_path / "b.npz", v=-U, params=np.stack([NU, 2 * NU], 1))
    data = cape.open(path, parameters={"nu": "params[0]", "rho": "params[1]", "g": 9.81})
    np.testing.assert_array_equal(data.read(), np.stack([U, -U], -1).astype(np.float32))
    np.testing.assert_allclose(data.parameters, np.stack([NU, 2 * NU, np.full(6, 9.81)], 1))
    assert cape.open(path, fields="v", parameters="nu").channel_names == ("v",)


def test_two_space_axes_are_put_in_order(tmp_path):
    u = np.arange(3 * 4 * 6 * 8.0).reshape(3, 4, 6, 8)
    np.savez(tmp_path / "a.npz", w=u.transpose(2, 3, 0, 1), k=[1.0, 2.0, 3.0])  # [x, y, sample, time]
    data = cape.open(tmp_path / "a.npz", axes="x y sample time", dt=1, dx=[0.5, 0.25])
    np.testing.assert_array_equal(data.read()[..., 0], u)
    assert data.resolution == (6, 8) and data.lengths == (3.0, 2.0)
