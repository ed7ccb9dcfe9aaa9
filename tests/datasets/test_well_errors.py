"""The Well: every way a file can be wrong."""

import h5py
import numpy as np
import pytest
from well_files import gray_scott, well_field, write_the_well

from cape.datasets.inspection import inspect
from cape.datasets.opening import open_files


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            dict(times=np.arange(5.0)),
            r"'t0_fields/A' has axes \[3, 4, 6, 8\], expected \[sample, time, x, y\] with \[3, 5",
        ),
        (dict(times=np.zeros(4)), "'dimensions/time' is not increasing"),
        (
            dict(times=np.arange(4.0) * np.arange(1, 4)[:, None]),
            "'dimensions/time' has different time steps in some samples",
        ),
        (dict(times=np.zeros((2, 4))), r"'dimensions/time' has shape \[2, 4\], expected \[4\] or \[3, 4\]"),
        (
            dict(coordinates={"x": np.arange(5.0), "y": np.arange(8.0)}),
            r"expected \[sample, time, x, y\] with \[3, 4, 5, 8\]",
        ),
        (dict(coordinates={"x": -np.arange(6.0), "y": np.arange(8.0)}), "'dimensions/x' is not increasing"),
        (
            dict(coordinates={"x": np.zeros((2, 3)), "y": np.arange(8.0)}),
            r"'dimensions/x' has shape \[2, 3\]",
        ),
        (dict(fields={}), "no field in t0_fields, t1_fields, t2_fields"),
        (
            dict(fields={"t1_fields/v": (well_field(), {})}),
            r"'t1_fields/v' .* expected \[sample, time, x, y, component\]",
        ),
        (
            dict(fields={"t0_fields/A": (well_field(components=(2,)), {})}),
            r"'t0_fields/A' has axes \[3, 4, 6, 8, 2\]",
        ),
        (
            dict(fields={"t2_fields/T": (well_field(components=(2, 3)), {})}),
            r"'t2_fields/T' has axes .*component, component\]",
        ),
        (
            dict(fields={"t0_fields/A": (well_field(), {"time_varying": False})}),
            r"expected \[sample, x, y\] with \[3, 6, 8\]",
        ),
        (dict(fields={"t0_fields/A": (well_field(), {"dim_varying": [True]})}), "'t0_fields/A' has axes"),
        (dict(fields={"t0_fields/A": (well_field() * 1j, {})}), "holds complex64, expected real numbers"),
        (
            dict(fields={"t0_fields/A": (well_field(), {}), "t0_fields/B": (well_field(samples=2), {})}),
            r"'t0_fields/B' has axes \[2, 4, 6, 8\], expected .* with \[3, 4, 6, 8\]",
        ),
        (dict(parameters={"F": np.nan}), "hold NaN or infinity"),
    ],
)
def test_errors(tmp_path, changes, message):
    with pytest.raises(ValueError, match=f"a.hdf5: .*{message}"):
        open_files(write_the_well(tmp_path / "a.hdf5", **changes))


def test_what_is_missing_is_named(tmp_path):
    path = write_the_well(tmp_path / "a.hdf5")
    with h5py.File(path, "r+") as file:
        del file["dimensions/y"]
    with pytest.raises(ValueError, match="a.hdf5: no dataset 'dimensions/y', found time, x"):
        open_files(path)
    with h5py.File(path, "r+") as file:
        del file["dimensions"].attrs["spatial_dims"]
    with pytest.raises(ValueError, match=r"a.hdf5: 'dimensions' has spatial_dims \(\), expected the names"):
        open_files(path)
    still = {"sample_varying": False}
    fields = {"t0_fields/A": (well_field(varies=(False, True, True, True)), still)}
    path = write_the_well(tmp_path / "b.hdf5", fields)
    assert open_files(path).samples == 3
    with h5py.File(path, "r+") as file:
        del file.attrs["n_trajectories"]
    with pytest.raises(ValueError, match="b.hdf5: number of samples unknown"):
        open_files(path)


def test_other_resolutions_or_channels_do_not_go_together(tmp_path):
    first = gray_scott(tmp_path)
    for changes, message in (
        ({"resolution": (6, 6)}, "resolution: "),
        ({"fields": {"t0_fields/C": (well_field(), {})}}, "channel names: "),
        ({"parameters": {"F": 1.0}}, "parameter names: "),
        ({"boundaries": {"xy": ("WALL", ["x", "y"], None)}}, "boundaries: "),
    ):
        other = gray_scott(tmp_path, "other", **changes)
        with pytest.raises(ValueError, match=message):
            open_files([first, other])
        assert "these files do not fit together" in inspect([first, other])
