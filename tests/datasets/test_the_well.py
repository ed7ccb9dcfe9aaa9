"""The Well's files: fields with absent axes and components, parameters, boundaries, initial conditions, errors."""

import h5py
import numpy as np
import pytest
from well_files import well_field, write_the_well

from cape.datasets.inspection import inspect
from cape.datasets.opening import open_files, reader_of
from cape.datasets.readers.the_well import open_the_well
from cape.datasets.splits import InitialConditionSplit

GRAY_SCOTT = {"F": 0.098, "k": 0.057}


def gray_scott(folder, name="bubbles", split="train", **changes):
    given = {"parameters": GRAY_SCOTT, "dataset_name": "gray_scott_reaction_diffusion"} | changes
    values = "_".join(f"{n}_{v:g}" for n, v in given["parameters"].items())
    return write_the_well(
        folder / "data" / split / f"gray_scott_reaction_diffusion_{name}_{values}.hdf5", **given
    )


# Fields


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


# Laziness


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
        file.create_dataset(
            "t0_fields/A", (1600, 1001, 128, 128), "f4", chunks=(1, 1, 128, 128)
        )  # never written
        del file["dimensions"]
        file.create_group("dimensions").attrs["spatial_dims"] = ["x", "y"]
        file["dimensions/time"] = np.arange(1001.0)
        file["dimensions/x"] = file["dimensions/y"] = np.arange(128) / 128
    t = open_files(path)
    assert np.prod(t.fields.shape) * 4 > 100e9 and path.stat().st_size < 1e5
    assert t.subsample(8, 100).read([0, 1599]).shape == (2, 11, 16, 16, 1)


# Parameters


def test_parameters_per_sample_per_file_and_as_root_attributes(tmp_path):
    scalars = {
        "nu": (np.array([1.0, 2, 3]), {"sample_varying": True, "time_varying": False}),
        "F": (np.float32(0.5), {"sample_varying": False, "time_varying": False}),
        "extra": (np.array([0.25]), {}),
    }
    path = write_the_well(tmp_path / "a.hdf5", parameters={"F": 9.0, "k": 2, "nu": 0.0}, scalars=scalars)
    t = open_the_well(path)
    assert t.parameter_names == ("F", "k", "nu", "extra")
    np.testing.assert_array_equal(t.parameters, [[0.5, 2, 1, 0.25], [0.5, 2, 2, 0.25], [0.5, 2, 3, 0.25]])


def test_parameters_that_vary_in_time_are_refused_and_other_scalars_are_left_out(tmp_path):
    moving = (np.arange(4.0), {"sample_varying": False, "time_varying": True})
    with pytest.raises(
        ValueError, match=r"a.hdf5: parameter 'scalars/F' \[4\] varies in time, expected one value"
    ):
        open_the_well(write_the_well(tmp_path / "a.hdf5", parameters={"F": 1.0}, scalars={"F": moving}))
    path = write_the_well(
        tmp_path / "b.hdf5", parameters={"F": 1.0, "style": "dots"}, scalars={"load": moving}
    )
    assert open_the_well(path).parameter_names == ("F",)
    assert "not parameters, for want of one number per sample: load, style" in inspect(path)


def test_a_parameter_of_another_length_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"parameter 'F' has shape \[5\], expected \[\] or \[3\]"):
        open_the_well(write_the_well(tmp_path / "a.hdf5", parameters={"F": np.ones(5)}))


def test_a_file_without_parameters_opens_and_says_so(tmp_path):
    path = write_the_well(tmp_path / "a.hdf5")
    assert open_the_well(path).parameters.shape == (3, 0)
    assert "no parameter: nothing for a conditioned model" in inspect(path)


# Times and coordinates


def test_times_per_file_or_per_sample(tmp_path):
    times = np.arange(4.0) / 2
    for name, given, expected in (
        ("a", times, times),
        ("b", np.tile(3 + times, (3, 1)), 3 + times),
        (
            "c",
            times + np.array([[0], [5], [7]]),
            times,
        ),  # other starts, equal steps: counted from the first frame
    ):
        t = open_the_well(write_the_well(tmp_path / f"{name}.hdf5", times=given))
        np.testing.assert_allclose(t.times, expected)


def test_one_frame_is_described(tmp_path):
    assert "one frame only" in inspect(write_the_well(tmp_path / "a.hdf5", frames=1))


# Boundaries

ENDS = {"low": np.arange(8) == 0, "high": np.arange(8) == 7, "both": np.isin(np.arange(8), (0, 7))}


@pytest.mark.parametrize(
    ("boundaries", "expected"),
    [
        ({"x": ("PERIODIC", ["x"], None), "y": ("WALL", ["y"], ENDS["both"])}, ("periodic", "wall")),
        ({"x": ("periodic", "x", None), "y": ("open", "y", ENDS["both"])}, ("periodic", "outgoing")),
        ({"x": ("PERIODIC", [b"x"], None), "y": ("OPEN", ["y"], None)}, ("periodic", "outgoing")),
        (
            {
                "x": ("OPEN", ["x"], None),
                "l": ("WALL", ["y"], ENDS["low"]),
                "h": ("OPEN", ["y"], ENDS["high"]),
            },
            ("outgoing", "wall"),
        ),
        (
            {
                "x": ("OPEN", ["x"], None),
                "y": ("OPEN", ["y"], None),
                "maze": ("WALL", ["x", "y"], np.eye(6, 8) > 0),
            },
            ("outgoing", "outgoing"),
        ),
        ({"xy": ("WALL", ["x", "y"], None)}, ("wall", "wall")),
        (
            {
                "x": ("WALL", ["x"], None),
                "y": ("OPEN", ["y"], None),
                "bar": ("WALL", ["y"], np.arange(8) == 4),
            },
            ("wall", "outgoing"),
        ),
    ],
)
def test_boundaries_per_axis(tmp_path, boundaries, expected):
    assert open_the_well(write_the_well(tmp_path / "a.hdf5", boundaries=boundaries)).boundaries == expected


def test_boundaries_that_kinds_per_axis_cannot_express_are_told(tmp_path):
    boundaries = {
        "x": ("OPEN", ["x"], None),
        "low": ("WALL", ["y"], ENDS["low"]),
        "high": ("OPEN", ["y"], ENDS["high"]),
        "maze": ("WALL", ["x", "y"], np.eye(6, 8) > 0),
    }
    text = inspect(write_the_well(tmp_path / "a.hdf5", boundaries=boundaries))
    assert "axis y is OPEN and WALL: it counts as wall" in text
    assert "condition maze (WALL) inside the domain is not known to the model" in text


@pytest.mark.parametrize(
    ("boundaries", "message"),
    [
        ({}, "boundary of axis 'x' is unknown, expected one condition in 'boundary_conditions'"),
        ({"x": ("OPEN", ["x"], None)}, "boundary of axis 'y' is unknown"),
        (
            {"x": ("SLIP", ["x"], None)},
            "'boundary_conditions/x' has bc_type 'SLIP', expected PERIODIC, WALL or OPEN",
        ),
        ({"a": ("PERIODIC", ["x"], None), "b": ("WALL", ["x"], None)}, "axis 'x' is periodic and wall"),
    ],
)
def test_boundary_errors(tmp_path, boundaries, message):
    with pytest.raises(ValueError, match=f"a.hdf5: .*{message}"):
        open_the_well(write_the_well(tmp_path / "a.hdf5", boundaries=boundaries))


# Initial conditions, folders, statistics


def starts(path):
    return set(open_files(path).initial_conditions.tolist())


def test_samples_of_one_number_start_alike_whatever_the_parameters(tmp_path):
    bubbles = gray_scott(tmp_path)
    gliders = gray_scott(tmp_path, "gliders", parameters={"F": 0.014, "k": 0.054}, samples=5)
    assert len(starts(bubbles)) == 3 and starts(bubbles) < starts(gliders)
    folder = open_files(tmp_path / "data" / "train")
    assert folder.samples == 8 and len(np.unique(folder.parameters, axis=0)) == 2
    train, validation, test = InitialConditionSplit(0.2, 0.2).split(folder)
    assert not set(train.initial_conditions) & set(test.initial_conditions)
    assert open_files([gliders, bubbles]).read([6]).shape == (1, 4, 6, 8, 1)
    together = " ".join(inspect([gliders, bubbles]).split("All together")[1].split())
    assert "samples 8, of 5 initial conditions" in together


def test_splits_chunks_and_data_sets_never_start_alike(tmp_path):
    paths = [gray_scott(tmp_path, split=split) for split in ("train", "valid", "test")]
    paths += [write_the_well(tmp_path / "data" / "train" / f"maze_chunk_{i}.hdf5") for i in range(3)]
    paths += [gray_scott(tmp_path, dataset_name="another", name="other")]
    assert len(set().union(*(starts(p) for p in paths))) == 3 * len(paths)


def test_numbers_of_initial_conditions_do_not_depend_on_the_place_of_the_data(tmp_path, monkeypatch):
    one, two = gray_scott(tmp_path / "one"), gray_scott(tmp_path / "two")
    assert starts(one) == starts(two)
    monkeypatch.chdir(one.parent)
    assert starts(one.name) == starts(one)
    assert max(starts(one)) < 2**53  # exact in JSON and as float64


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
    assert "grid type spherical: axes and components are taken as they are" in text
    assert "cartesian" not in inspect(write_the_well(tmp_path / "b.hdf5"))


# Files that are wrong


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
            "'dimensions/time' has other time steps in some samples",
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
        assert "these files do not go together" in inspect([first, other])
