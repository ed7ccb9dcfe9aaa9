"""The Well's files: fields with absent axes and components, parameters, boundaries, initial conditions, errors."""

import h5py
import numpy as np
import pytest
from small_files import allocate
from well_files import gray_scott, well_field, write_the_well

from cape.datasets.inspection import inspect
from cape.datasets.opening import open_files, reader_of
from cape.datasets.readers.the_well import open_the_well


def test_scalar_fields_are_channels_in_the_order_of_the_file(tmp_path):
    fields = {"t0_fields/B": (well_field(), {}), "t0_fields/A": (well_field(first=5000), {})}
    path = gray_scott(tmp_path, fields=fields)
    t = open_files(path)
    assert reader_of(path).name == "The Well" and t.equation == "gray_scott_reaction_diffusion"
    assert t.channel_names == ("B", "A") and t.parameter_names == ("F", "k")
    np.testing.assert_array_equal(t.parameters, [[0.098, 0.057]] * 3)
    assert t.boundaries == ("periodic", "periodic") and t.lengths == (1.0, 1.0) and t.dt == 1.0
    np.testing.assert_array_equal(t.read(), np.stack([well_field(), well_field(first=5000)], -1))
    np.testing.assert_array_equal(
        t.subsample(2, 3).select([2, 0]).read()[..., 1], well_field(first=5000)[[2, 0], ::3, ::2, ::2]
    )


def test_vectors_and_tensors_have_a_channel_per_component(tmp_path):
    fields = {
        "t1_fields/velocity": (well_field(components=(2,)), {}),
        "t2_fields/D": (well_field(components=(2, 2)), {"symmetric": True, "antisymmetric": False}),
        "t2_fields/W": (well_field(components=(2, 2)), {"symmetric": False, "antisymmetric": True}),
        "t2_fields/E": (well_field(components=(2, 2)).reshape(3, 4, 6, 8, 4), {}),
        "t0_fields/p": (well_field(first=7), {}),
    }
    t = open_the_well(write_the_well(tmp_path / "a.hdf5", fields))
    expected = {
        "p": 7,
        "velocity_x": 0,
        "velocity_y": 1000,
        "D_xx": 0,
        "D_xy": 2000,
        "D_yy": 3000,
        "W_xy": 2000,
        "E_xx": 0,
        "E_xy": 2000,
        "E_yx": 1000,
        "E_yy": 3000,
    }
    assert t.channel_names == tuple(expected)
    np.testing.assert_array_equal(
        t.read(), well_field()[..., None] + np.array([*expected.values()], np.float32)
    )


def test_components_without_an_axis_of_their_own_are_numbered(tmp_path):
    fields = {"t1_fields/v": (well_field(resolution=(5,), components=(3,)), {})}
    t = open_the_well(write_the_well(tmp_path / "a.hdf5", fields, resolution=(5,)))
    assert t.channel_names == ("v_0", "v_1", "v_2") and t.read().shape == (3, 4, 5, 3)


@pytest.mark.parametrize(
    "varies",
    [
        (True, True, True, True),
        (False, True, True, True),
        (True, False, True, True),
        (True, True, False, True),
        (True, True, True, False),
        (False, False, True, True),
        (True, False, False, True),
        (False, True, False, False),
        (False, False, False, False),
    ],
)
@pytest.mark.parametrize("components", [(), (2,)])
def test_axes_that_do_not_vary_are_repeated(tmp_path, varies, components):
    about = {"sample_varying": varies[0], "time_varying": varies[1], "dim_varying": varies[2:]}
    group = "t1_fields" if components else "t0_fields"
    field = well_field(varies=varies, components=components)
    fields = {"t0_fields/A": (well_field(), {}), f"{group}/mask": (field, about)}
    t = open_the_well(write_the_well(tmp_path / "a.hdf5", fields))
    whole = np.expand_dims(field, [i for i, v in enumerate(varies) if not v])
    whole = np.broadcast_to(whole, (3, 4, 6, 8, *components)).reshape(3, 4, 6, 8, -1)
    np.testing.assert_array_equal(t.read()[..., 1:], whole)
    np.testing.assert_array_equal(t.read()[..., 0], well_field())
    seen = t.subsample(2, 2).first_frames(1).select([2, 2, 0])
    np.testing.assert_array_equal(seen.read()[..., 1:], whole[[2, 2, 0], :1, ::2, ::2])


@pytest.mark.parametrize("resolution", [(6,), (6, 8), (4, 6, 2)])
def test_one_two_and_three_dimensions(tmp_path, resolution):
    field = well_field(resolution=resolution)
    t = open_the_well(
        write_the_well(tmp_path / "a.hdf5", {"t0_fields/A": (field, {})}, resolution=resolution)
    )
    assert t.resolution == resolution
    np.testing.assert_array_equal(
        t.subsample(2, 3).read([1])[..., 0],
        field[(slice(1, 2), slice(None, None, 3), *(slice(None, None, 2),) * len(resolution))],
    )


@pytest.mark.parametrize("dtype", [">f4", "<f8", ">f8", "<i4"])
def test_stored_types_become_native_float32(tmp_path, dtype):
    t = open_the_well(write_the_well(tmp_path / "a.hdf5", {"t0_fields/A": (well_field().astype(dtype), {})}))
    assert t.read().dtype == np.dtype("=f4")
    np.testing.assert_array_equal(t.read()[..., 0], well_field().astype(dtype).astype(np.float32))


def test_nonfinite_samples_are_refused_and_dropped_on_request(tmp_path):
    u = well_field()
    u[1, 2, 3, 4] = np.inf
    path = write_the_well(tmp_path / "a.hdf5", {"t0_fields/A": (u, {})})
    with pytest.raises(ValueError, match=r"a.hdf5: 1 sample\(s\) with NaN or infinity \(number 1\)"):
        open_files(path).read()
    np.testing.assert_array_equal(open_files(path).drop_nonfinite().read()[..., 0], u[[0, 2]])


def test_opening_reads_no_field_and_reading_only_what_is_asked(tmp_path, monkeypatch):
    read = []
    original = h5py.Dataset.__getitem__

    def recording(self, selection, *args):
        values = original(self, selection, *args)
        if "_fields" in self.name:
            read.append((self.name.rpartition("/")[2], values.shape))
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", recording)
    large = {"samples": 12, "frames": 4, "resolution": (128, 160)}  # frames of 80 KiB
    still = {"time_varying": False, "sample_varying": False}
    fields = {
        "t0_fields/A": (well_field(**large), {}),
        "t0_fields/mask": (well_field(**large, varies=(False, False, True, True)), still),
    }
    t = open_files(write_the_well(tmp_path / "a.hdf5", fields, **large)).subsample(time=2)
    assert read == []
    t.read([3, 11])
    assert read == [("mask", (128, 160)), *[("A", (1, 1, 128, 160))] * 4]


def test_opening_100_gigabytes_costs_no_more_than_the_header(tmp_path):
    path = gray_scott(tmp_path)
    with h5py.File(path, "r+") as file:
        del file["t0_fields/A"]
        allocate(file, "t0_fields/A", (1600, 1001, 128, 128))
        del file["dimensions"]
        file.create_group("dimensions").attrs["spatial_dims"] = ["x", "y"]
        file["dimensions/time"] = np.arange(1001.0)
        file["dimensions/x"] = file["dimensions/y"] = np.arange(128) / 128
    t = open_files(path)
    assert np.prod(t.fields.shape) * 4 > 100e9 and path.stat().st_blocks * 512 < 1e5
    assert t.subsample(8, 100).read([0, 1599]).shape == (2, 11, 16, 16, 1)


def test_a_folder_above_the_files_is_refused_with_a_hint(tmp_path):
    for split in ("train", "valid"):
        gray_scott(tmp_path / "gray_scott", split=split)
    for folder in (tmp_path / "gray_scott", tmp_path / "gray_scott" / "data"):
        with pytest.raises(ValueError, match="without .hdf5 or .h5 files; give one of .*train, .*valid"):
            open_files(folder)


def test_inspect_shows_the_statistics_that_come_with_the_data(tmp_path):
    path = gray_scott(tmp_path)
    assert "stats.yaml" not in inspect(path)
    (tmp_path / "stats.yaml").write_text(
        "mean:\n  A: 0.5\n  v:\n  - 1.0\n  - 2\nstd:\n  A: 0.25\n  v: [1e-3, 4]\n"
    )
    assert "A 0.5 ± 0.25, v.0 1 ± 0.001, v.1 2 ± 4" in inspect(path)
    (tmp_path / "stats.yaml").write_text("mean: [")
    assert "stats.yaml: not YAML" in inspect(path)


def test_inspect_tells_of_curved_grids(tmp_path):
    text = inspect(write_the_well(tmp_path / "a.hdf5", grid_type="spherical"))
    assert "grid type spherical: axes and components are used as if they were Cartesian" in text
    assert "cartesian" not in inspect(write_the_well(tmp_path / "b.hdf5")).lower()
