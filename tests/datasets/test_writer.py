"""Writing arrays: what is written is read back, and what does not fit is refused."""

import os

import h5py
import numpy as np
import pytest

from cape.datasets.opening import open_files
from cape.datasets.simulate.cells import cell_centres
from cape.datasets.simulate.writer import write


def layout(samples):
    return dict(
        parameters=np.ones((samples, 1)),
        parameter_names=("Nu",),
        coordinates=(cell_centres(8),),
        times=np.arange(2.0),
        initial_conditions=np.arange(samples),
        attributes={"equation": "burgers"},
    )


@pytest.mark.usefixtures("unchecked")
def test_arrays_are_written_whole_or_refused(tmp_path):
    u = np.arange(48.0).reshape(3, 2, 8, 1)
    with h5py.File(write(tmp_path / "a.hdf5", u, **layout(3))) as file:
        np.testing.assert_array_equal(file["tensor"][:], u[..., 0])
        assert file.attrs["Nu"] == 1
    with pytest.raises(ValueError, match=r"b\.hdf5: expected u"):
        write(tmp_path / "b.hdf5", u[:2], **layout(3))
    with pytest.raises(ValueError, match=r"b\.hdf5: expected parameters"):
        write(tmp_path / "b.hdf5", u, **(layout(3) | dict(parameters=np.ones((2, 1)))))
    assert os.listdir(tmp_path) == ["a.hdf5"]


def test_several_channels_in_two_dimensions_are_read_back(tmp_path):
    u = np.random.default_rng(0).normal(size=(2, 3, 4, 6, 4)).astype(np.float32)
    path = tmp_path / "2D_CFD_Rand_periodic.hdf5"
    names = ("density", "pressure", "Vx", "Vy")
    shape = dict(coordinates=(cell_centres(4), cell_centres(6)), times=np.arange(3.0), channel_names=names)
    flow = dict(parameters=np.array([[1.0, 0.1, 0.1], [1.0, 0.2, 0.1]]), parameter_names=("M", "eta", "zeta"))
    write(path, u, **shape, **flow, initial_conditions=np.arange(2), attributes={"boundary": "periodic"})
    read = open_files(path)
    np.testing.assert_array_equal(read.read(), u)
    assert read.channel_names == names
    np.testing.assert_array_equal(read.parameters, flow["parameters"])


def test_a_name_is_not_given_to_a_channel_and_a_parameter(tmp_path):
    with pytest.raises(ValueError, match="Nu cannot name both"):
        write(tmp_path / "a.hdf5", np.zeros((3, 2, 8, 2)), **layout(3), channel_names=("Nu", "v"))
