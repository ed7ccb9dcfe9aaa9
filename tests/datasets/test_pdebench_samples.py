"""PDEBench's files with a group per sample, and incompressible flow: values, parameters, laziness, errors."""

import h5py
import numpy as np
import pytest
from small_files import dam_break, place, write_samples, write_scalar

from cape.datasets.concatenation import concatenate
from cape.datasets.inspection import inspect
from cape.datasets.opening import open_files
from cape.datasets.readers.pdebench_samples import open_samples
from cape.datasets.splits import InitialConditionSplit

DIFFUSION = "sim:\n  seed: {i}\n  Du: 1e-3\n  Dv: 0.005\n  k: {k}\n  t: 5.0\n"


def test_shallow_water(tmp_path):
    t = open_samples(dam_break(tmp_path / "2D_rdb_NA_NA.h5"))
    assert t.equation == "shallow-water" and t.channel_names == ("h",)
    assert t.parameter_names == ("dam_radius",)
    np.testing.assert_array_equal(t.parameters[:, 0], [0.3, 0.5, 0.7])
    np.testing.assert_array_equal(t.read(), place(3, 4, (6, 8), 1))
    np.testing.assert_array_equal(t.initial_conditions, [0, 1, 2])
    assert t.boundaries == ("outgoing", "outgoing") and t.resolution == (6, 8)
    np.testing.assert_allclose(t.coordinates[1], (np.arange(8) + 0.5) / 8)
    assert t.dt == pytest.approx(0.05)


def test_diffusion_reaction_has_its_parameters_also_where_they_never_vary(tmp_path):
    u = place(3, 4, (6, 6), 2)
    path = tmp_path / "2D_diff-react_NA_NA.h5"
    write_samples(path, u, [DIFFUSION.format(i=7 * i, k=0.005) for i in range(3)])
    t = open_samples(path)
    assert t.equation == "diffusion-reaction" and t.channel_names == ("activator", "inhibitor")
    assert t.parameter_names == ("Du", "Dv", "k") and t.boundaries == ("wall", "wall")
    np.testing.assert_array_equal(t.parameters, [[1e-3, 0.005, 0.005]] * 3)  # 1e-3 is text to YAML 1.1
    np.testing.assert_array_equal(t.read([2]), u[2:])
    text = inspect(path)
    assert "Du does not vary" in text and "no flux through any side: taken as wall" in text


def test_diffusion_sorption_without_parameters_opens_and_says_so(tmp_path):
    u = place(2, 3, (8,), 1)
    path = write_samples(tmp_path / "1D_diff-sorp_NA_NA.h5", u)
    t = open_samples(path)
    assert t.equation == "diffusion-sorption" and t.channel_names == ("u",) and t.boundaries == ("outgoing",)
    assert t.parameters.shape == (2, 0)
    np.testing.assert_array_equal(t.read(), u)
    text = inspect(path)
    assert "no parameter: nothing for a conditioned model to learn from" in text
    assert (
        "flows out on the right: taken as outgoing" in text and "layout    PDEBench group per sample" in text
    )


def test_whatever_varies_in_config_is_a_parameter_but_not_the_seed(tmp_path):
    texts = [f"sim: {{seed: {i}, gravity: {1 + i}, dam_radius: 0.5, n: 4}}" for i in range(3)]
    t = open_samples(dam_break(tmp_path / "2D_rdb_NA_NA.h5", configs=texts))
    assert t.parameter_names == ("dam_radius", "gravity")
    np.testing.assert_array_equal(t.parameters, [[0.5, 1], [0.5, 2], [0.5, 3]])


def test_equal_names_in_two_sections_of_config_are_told_apart(tmp_path):
    texts = [f"dam_radius: 0.5\nleft: {{h: {i}}}\nright: {{h: {2 * i}}}" for i in range(3)]
    t = open_samples(dam_break(tmp_path / "2D_rdb_NA_NA.h5", configs=texts))
    assert t.parameter_names == ("dam_radius", "left.h", "right.h")
    np.testing.assert_array_equal(t.parameters[2], [0.5, 2, 4])


def test_the_equation_is_known_by_config_where_the_name_is_another(tmp_path):
    assert open_samples(dam_break(tmp_path / "water.h5")).equation == "shallow-water"
    with pytest.raises(
        ValueError, match="water2.h5: equation unknown: expected one of diff-react, diff-sorp, rdb"
    ):
        open_samples(dam_break(tmp_path / "water2.h5", configs=None))


def test_samples_are_numbered_as_their_groups(tmp_path):
    t = open_samples(dam_break(tmp_path / "a_rdb.h5", names=["10", "9", "0011"]))
    np.testing.assert_array_equal(t.initial_conditions, [9, 10, 11])
    np.testing.assert_array_equal(t.parameters[:, 0], [0.5, 0.3, 0.7])
    np.testing.assert_array_equal(t.read(), place(3, 4, (6, 8), 1)[[1, 0, 2]])
    t = open_samples(dam_break(tmp_path / "b_rdb.h5", names=["a", "c", "b"]))
    np.testing.assert_array_equal(t.initial_conditions, [0, 1, 2])


def test_times_may_be_as_many_as_frames_or_one_more(tmp_path):
    t = open_samples(dam_break(tmp_path / "a_rdb.h5", times=np.arange(5.0)))
    np.testing.assert_array_equal(t.times, np.arange(4.0))


@pytest.mark.parametrize("dtype", [">f4", "<f8", ">f8", "<i4"])
def test_stored_types_become_native_float32(tmp_path, dtype):
    u = place(3, 4, (6, 8), 1)
    t = open_samples(dam_break(tmp_path / "a_rdb.h5", u=u.astype(dtype)))
    assert t.read().dtype == np.dtype("=f4")
    np.testing.assert_array_equal(t.read(), u.astype(dtype).astype(np.float32))


def test_files_go_together_and_samples_of_one_number_stay_in_one_part(tmp_path):
    paths = [tmp_path / f"{i}_rdb.h5" for i in range(2)]
    parts = [open_samples(dam_break(path, radii=np.linspace(1, 2, 10) + i)) for i, path in enumerate(paths)]
    together = concatenate(parts)
    np.testing.assert_array_equal(open_files(paths).read([3, 15]), together.read([3, 15]))
    train, validation, test = InitialConditionSplit(0.2, 0.2).split(together)
    assert (train.samples, validation.samples, test.samples) == (12, 4, 4)
    assert not set(train.initial_conditions) & set(test.initial_conditions)


def test_nonfinite_samples_are_refused_and_dropped_on_request(tmp_path):
    u = place(3, 4, (6, 8), 1)
    u[1, 2, 3, 4] = np.nan
    path = dam_break(tmp_path / "a_rdb.h5", u=u)
    with pytest.raises(ValueError, match=r"a_rdb.h5: 1 sample\(s\) with NaN or infinity \(number 1\)"):
        open_samples(path).read()
    np.testing.assert_array_equal(open_samples(path).drop_nonfinite().read(), u[[0, 2]])
    assert "1 of 3 samples hold NaN" in inspect(path, check_values=True)


def test_one_frame_is_described(tmp_path):
    assert "one frame only" in inspect(dam_break(tmp_path / "a_rdb.h5", frames=1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(configs=["a: [1", None, None]), "attribute 'config' of group '0000': not YAML"),
        (
            dict(configs=["!!python/name:os.system", None, None]),
            "attribute 'config' of group '0000': not YAML",
        ),
        (dict(configs=["- 1", None, None]), "'config' of group '0000': a list, expected a mapping"),
        (dict(configs=[3.0, None, None]), "'config' of group '0000' is .*3.0.*, expected a YAML text"),
        (
            dict(configs=["dam_radius: 1", "", "dam_radius: 1"]),
            "group '0001': text without values, expected a mapping",
        ),
        (
            dict(configs=["dam_radius: 1", None, "dam_radius: 1"]),
            "'config' of group '0001' has no number 'dam_radius', which other groups have",
        ),
        (dict(configs=["dam_radius: .nan"] * 3), "hold NaN or infinity"),
        (
            dict(u=place(3, 4, (6, 8), 2)),
            r"'0000/data' has axes \[4, 6, 8, 2\], expected \[time, x\[, y\], channel\]",
        ),
        (dict(u=np.zeros((3, 4, 6, 8, 1), complex)), "'0000/data' holds complex128, expected real numbers"),
        (dict(u=np.zeros((3, 4, 1))), r"'0000/data' has axes \[4, 1\]"),
        (dict(times=np.arange(3.0)), r"'0000/grid/t' has shape \[3\], expected \[4\] or \[5\]"),
        (dict(times=np.zeros(4)), "'0000/grid/t' is not increasing"),
        (dict(grid={"x": np.arange(6.0)}), "no dataset '0000/grid/y', found t, x"),
        (
            dict(grid={"x": np.arange(6.0), "y": np.arange(6.0)}),
            r"'0000/grid/y' has shape \[6\], expected \[8\] to match '0000/data'",
        ),
    ],
)
def test_group_file_errors(tmp_path, changes, message):
    with pytest.raises(ValueError, match=f"a_rdb.h5: .*{message}"):
        open_samples(dam_break(tmp_path / "a_rdb.h5", **changes))


def test_samples_of_other_resolution_and_strangers_are_refused(tmp_path):
    path = dam_break(tmp_path / "a_rdb.h5")
    with h5py.File(path, "r+") as file:
        del file["0002/data"]
        file["0002/data"] = np.zeros((4, 3, 4, 1))
    with pytest.raises(
        ValueError, match=r"'0002/data' has axes \[4, 3, 4, 1\], expected \[4, 6, 8, 1\] as in"
    ):
        open_files(path)
    path = dam_break(tmp_path / "b_rdb.h5")
    with h5py.File(path, "r+") as file:
        file["notes"] = np.zeros(3)
    with pytest.raises(ValueError, match="dataset 'notes' next to the groups"):
        open_files(path)
    path = dam_break(tmp_path / "c_rdb.h5")
    with h5py.File(path, "r+") as file:
        del file["0001/data"]
    with pytest.raises(ValueError, match="no dataset '0001/data', found grid"):
        open_files(path)


def test_files_of_other_channels_do_not_go_together(tmp_path):
    dam_break(tmp_path / "a_rdb.h5")
    write_samples(tmp_path / "b_diff-react.h5", place(3, 4, (6, 8), 2))
    with pytest.raises(ValueError, match="channel names: .*h.*activator"):
        open_files(tmp_path)
    assert "these files do not fit together" in inspect(tmp_path)


def test_reaction_diffusion_as_published(tmp_path):
    """Names, lengths and big-endian doubles; rho is spelt in lower case in attributes, Rho in names."""
    for nu, rho in ((0.5, 1.0), (0.5, 10.0), (2.0, 1.0)):
        u = place(3, 5, (8,), 1)[..., 0] * nu + rho
        write_scalar(tmp_path / f"ReacDiff_Nu{nu}_Rho{rho}.hdf5", u.astype(">f8"), Nu=nu, rho=rho)
    t = open_files(tmp_path)
    assert t.equation == "reaction-diffusion" and t.parameter_names == ("Nu", "rho")
    np.testing.assert_array_equal(np.unique(t.parameters, axis=0), [[0.5, 1], [0.5, 10], [2, 1]])
    assert t.boundaries == ("periodic",) and t.frames == 5 and t.channel_names == ("u",)
    expected = place(3, 5, (8,), 1) * 2 + 1
    np.testing.assert_array_equal(t.where(Nu=2.0).read(), expected)
    np.testing.assert_array_equal(t.initial_conditions, [0, 1, 2] * 3)
    assert "warning" not in inspect(tmp_path)
