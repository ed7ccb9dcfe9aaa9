"""cape import: files of arrays become one file that every command reads, or nothing is written."""

import array_files as files
import h5py
import numpy as np
import pytest
from array_files import NU, TIMES, U, X

import cape
from cape.cli import main
from cape.datasets.import_data import import_data
from cape.datasets.opening import reader_of


def fails(capsys, *arguments):
    assert main([str(a) for a in arguments]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_a_file_is_converted_once(tmp_path, capsys):
    path, out = files.npz(tmp_path / "mine.npz", t=None, nu=None, p=np.stack([NU, -NU], 1)), tmp_path / "out"
    described = ["--axes", "sample time x", "--parameter", "nu=p[0]", "g=9.81", "--dt", "0.25"]
    assert main(["import", str(path), *described, "--boundaries", "wall", "--out", str(out)]) == 0
    assert "named channels" in capsys.readouterr().out
    data = cape.open(out)
    np.testing.assert_array_equal(data.read()[..., 0], U.astype(np.float32))
    np.testing.assert_array_equal(data.parameters, np.stack([NU, np.full(6, 9.81)], 1))
    np.testing.assert_array_equal(data.times, TIMES)
    np.testing.assert_array_equal(data.coordinates[0], X)
    assert (
        data.boundaries == ("wall",) and data.channel_names == ("u",) and data.parameter_names == ("nu", "g")
    )
    assert len(set(data.initial_conditions.tolist())) == 6
    with h5py.File(out / "mine.hdf5") as file:
        assert file.attrs["channels"].tolist() == ["u"] and "tensor" not in file
    assert "already there" in fails(capsys, "import", path, *described, "--out", out)
    assert main(["import", str(path), *described, "--overwrite", "--out", str(out)]) == 0


def test_what_is_missing_is_asked_for_as_a_command(tmp_path, capsys):
    path = files.npz(tmp_path / "a.npz", t=None)
    for command in (["inspect", path], ["import", path, "--out", tmp_path / "out"]):
        error = fails(capsys, *command)
        assert error.endswith(
            f'(...): cape import {path} --axes "... ... x" --parameter nu=nu --dt ... --out FOLDER\n'
        )
    assert main(["inspect", str(path), "--axes", "sample time x", "--dt", "0.1"]) == 0
    assert "read axes" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"u": np.where(U[3, 2, 1] == U, np.nan, U)}, "1 sample(s) with NaN or infinity (number 3)"),
        ({"t": TIMES**2}, "times are not uniform"),
        ({"x": X**2}, "axis x is not uniform"),
        ({"u": U[:, :1], "t": TIMES[:1]}, "one frame only"),
    ],
)
def test_bad_data_write_nothing(tmp_path, capsys, changes, message):
    path = files.npz(tmp_path / "a.npz", **changes)
    axes = ["--axes", "sample time x"]
    assert message in fails(capsys, "import", path, *axes, "--out", tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.filterwarnings("default:left out")
def test_samples_with_nan_are_left_out_on_request(tmp_path, capsys):
    path = files.npz(tmp_path / "a.npz", u=np.where(U[3, 2, 1] == U, np.nan, U))
    assert main(["import", str(path), "--drop-nonfinite", "--out", str(tmp_path / "out")]) == 0
    assert "left out samples with NaN or infinity: 1 of" in capsys.readouterr().err
    np.testing.assert_array_equal(cape.open(tmp_path / "out").parameters[:, 0], np.delete(NU, 3))


def test_a_file_is_never_converted_onto_itself(tmp_path, capsys):
    path = files.hdf5(tmp_path / "a.hdf5")
    assert "one of the files to convert" in fails(capsys, "import", path, "--overwrite", "--out", tmp_path)


@pytest.mark.parametrize("channels", [("density", "pressure"), ("u", "v"), ("Vx", "data")])
def test_all_channels_are_read_back_by_the_reader_of_named_channels(tmp_path, channels):
    u = np.arange(2 * 3 * 4 * 6 * 2.0).reshape(2, 3, 4, 6, 2)
    data = cape.from_arrays(u, {"Nu": 1.0, "k": [1, 2]}, dt=1, dx=1, channels=channels)
    path = import_data(data, tmp_path / "a.hdf5")
    assert reader_of(path).name == "named channels"
    np.testing.assert_array_equal(cape.open(path).read(), u)
    with pytest.raises(ValueError, match="tensor cannot name both a channel and another dataset"):
        import_data(cape.from_arrays(u, {}, dt=1, dx=1, channels=["tensor", "v"]), tmp_path / "b.hdf5")
