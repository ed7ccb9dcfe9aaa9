"""Samples that are read frame by frame are the same in every layout of files."""

import h5py
import numpy as np
import pytest
from small_files import dam_break, scalar_field, write_compressible, write_incompressible, write_scalar
from well_files import well_field, write_the_well

from cape.datasets import fields, hdf5_windows
from cape.datasets.opening import open_files


def chunked(path):
    write_scalar(path, beta=1.0)
    with h5py.File(path, "a") as file:
        del file["tensor"]
        file.create_dataset("tensor", data=scalar_field(), chunks=(2, 2, 8), compression="gzip")


def the_well(path):
    names = ("t0_fields/A", "t0_fields/still", "t1_fields/v")
    still = well_field(varies=(True, False, True, True), first=7.0)
    values = (well_field(), still, well_field(components=(2,), first=3.0))
    static = {"time_varying": False}
    write_the_well(path, dict(zip(names, zip(values, ({}, static, {}), strict=True), strict=True)))


LAYOUTS = {
    "1D_Advection_Sols_beta1.0.hdf5": write_scalar,
    "1D_Advection_Sols_beta2.0.hdf5": chunked,
    "2D_CFD_Rand_M0.1_Eta0.01_Zeta0.02_periodic_Train.hdf5": lambda path: write_compressible(path, 2),
    "2D_rdb_NA_NA.h5": dam_break,
    "ns_incom_inhom_2d_512-0.h5": write_incompressible,
    "data/train/wells.hdf5": the_well,
}


@pytest.mark.parametrize("small_pieces", [False, True])
@pytest.mark.parametrize("name", LAYOUTS)
def test_samples_read_by_frames_are_the_same(name, small_pieces, tmp_path, monkeypatch):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    LAYOUTS[name](path)
    data = open_files(path)
    some = [2, 0]
    views = [data, data.subsample(2, 2), data.subsample(1, 3), data.first_frames(3)]
    expected = [view.read(some) for view in views]
    monkeypatch.setattr(fields, "BLOCK_BYTES", 1)
    if small_pieces:
        monkeypatch.setattr(hdf5_windows, "SKIP_BYTES", 1)
        monkeypatch.setattr(hdf5_windows, "PIECE_BYTES", 1)
    for view, u in zip(views, expected, strict=True):
        np.testing.assert_array_equal(view.read(some), u)
        middle = view.fields.between(1, view.frames).select(np.array(some))
        np.testing.assert_array_equal(middle.read(), u[:, 1:])
