"""cape inspect, cape simulate and cape download."""

from pathlib import Path

from command_line import fails, tree, with_nan
from small_files import write_scalar

from cape.cli import main


def test_inspect_describes_files_and_names_what_is_missing(data, capsys, tmp_path):
    assert main(["inspect", data]) == 0
    out = capsys.readouterr().out
    assert "parameter beta  0.5, 1, 2" in out
    assert "16 points" in out
    assert fails(capsys, "inspect") == "expected at least one HDF5 file or folder, got none"
    assert "a folder without .hdf5 or .h5 files" in fails(capsys, "inspect", str(tmp_path))
    assert "no such file" in fails(capsys, "inspect", str(tmp_path / "x.hdf5"))
    nan = write_scalar(tmp_path / "1D_Advection_Sols_beta1.0.hdf5", with_nan())
    assert main(["inspect", str(nan), "--check-values"]) == 0
    assert "10 of 10 samples hold NaN" in capsys.readouterr().out


def test_simulate_writes_files_once_and_names_its_mistakes(capsys, tmp_path):
    small = ["--samples", "2", "--resolution", "16", "--frames", "3", "--out", str(tmp_path), "--quiet"]
    assert main(["simulate", "advection", "--parameter", "beta=0.5,1", *small]) == 0
    paths = capsys.readouterr().out.split()
    assert [Path(path).name for path in paths] == [
        "1D_Advection_Sols_beta0.5.hdf5",
        "1D_Advection_Sols_beta1.0.hdf5",
    ]
    before = tree(tmp_path)
    for arguments, message in (
        (["advection", "--parameter", "beta=0.5"], "already there: "),
        (["advction", "--parameter", "beta=3"], "unknown equation 'advction'; did you mean 'advection'?"),
        (
            ["advection", "--parameter", "Nu=3"],
            "advection takes the parameters beta; missing: beta, unknown: Nu",
        ),
        (["advection", "--parameter", "3"], "--parameter: expected NAME=VALUE, such as Nu=0.01, got '3'"),
        (["advection", "--parameter", "beta=fast"], "'fast' is not a number"),
        (["advection", "--parameter", "beta=3", "--t-end", "-1"], "expected a positive t_end, got -1.0"),
    ):
        assert message in fails(capsys, "simulate", *arguments, *small)
    assert tree(tmp_path) == before


def test_download_names_what_comes_close(capsys, tmp_path):
    out = ["--out", str(tmp_path / "x")]
    line = fails(capsys, "download", "1D_Burgrs_Sols_Nu0.01", *out)
    assert "no published file '1D_Burgrs_Sols_Nu0.01', did you mean 1D_Burgers_Sols_Nu0.01.hdf5" in line
    assert "expected names or patterns of published files" in fails(capsys, "download", *out)
    assert not (tmp_path / "x").exists()
