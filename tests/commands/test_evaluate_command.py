"""cape evaluate: samples, strides, figures, and mistakes in one line."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from command_line import fails
from small_files import scalar_field, write_compressible, write_scalar

from cape.cli import main
from cape.datasets.opening import open_files


def test_evaluate_leaves_out_what_was_trained_on_and_draws_figures(run, data, tmp_path, capsys):
    assert main(["evaluate", run, "--data", data, "--out", str(tmp_path / "e")]) == 0
    out = capsys.readouterr().out
    assert "left out 27 of 30 samples: their initial conditions were trained or validated on" in out
    rows = json.loads((tmp_path / "e" / "evaluation.json").read_text())["rows"]
    assert [row["samples"] for row in rows] == [1, 1, 1]
    assert list((tmp_path / "e").glob("*.png"))
    # the same samples as the run's own evaluation, so the same figures
    own = json.loads((Path(run) / "evaluation" / "evaluation.json").read_text())["rows"]
    assert [row["nRMSE"] for row in rows] == [row["nRMSE"] for row in own]


def test_evaluate_takes_all_samples_where_asked_and_fewer_steps(run, data, tmp_path):
    out = ["--out", str(tmp_path), "--no-figures"]
    assert main(["evaluate", run, "--data", data, *out, "--all-samples", "--steps", "2"]) == 0
    content = json.loads((tmp_path / "evaluation.json").read_text())
    assert [row["samples"] for row in content["rows"]] == [10, 10, 10]
    assert len(content["times"]) == 2


@pytest.mark.thorough
def test_evaluate_finds_the_strides_of_training_by_itself(run, data, tmp_path):
    """Files of twice the points and four times the frames, thinned, are the files of the run."""
    simulation = [
        "--parameter",
        "beta=0.5,1.0,2.0",
        "--samples",
        "10",
        "--resolution",
        "32",
        "--frames",
        "17",
    ]
    assert (
        main(["simulate", "advection", *simulation, "--t-end", "0.4", "--out", str(tmp_path), "--quiet"]) == 0
    )
    fine, coarse = open_files(tmp_path).subsample(space=2, time=4), open_files(data)
    assert np.allclose(fine.times, coarse.times)
    for files, out in ((str(tmp_path), tmp_path / "fine"), (data, tmp_path / "coarse")):
        options = ["--all-samples", "--no-figures", "--out", str(out)]
        assert main(["evaluate", run, "--data", files, *options]) == 0
    fine, coarse = (
        json.loads((tmp_path / n / "evaluation.json").read_text())["rows"] for n in ("fine", "coarse")
    )
    for a, b in zip(fine, coarse, strict=True):  # cells of another width have other centres: not quite equal
        assert a["persistence_nRMSE"] == pytest.approx(b["persistence_nRMSE"], rel=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "5"], "5 steps asked for, but 5 frames allow 1 to 4; ask for fewer"),
        (["--steps", "-1"], "-1 steps asked for"),
        (["--time-stride", "2"], "one step of the surrogate is 0.1 long; expected frames that far apart"),
        (["--space-stride", "3"], "16 points of a periodic axis cannot be sub-sampled by 3"),
    ],
)
def test_evaluate_refuses_steps_and_strides_that_do_not_fit(run, data, options, message, capsys, tmp_path):
    line = fails(capsys, "evaluate", run, "--data", data, "--out", str(tmp_path), "--all-samples", *options)
    assert message in line
    assert list(tmp_path.iterdir()) == []


def test_evaluate_refuses_files_of_another_problem(run, capsys, tmp_path):
    evaluate = ["evaluate", run, "--out", str(tmp_path / "e"), "--no-figures", "--data"]
    burgers = write_scalar(tmp_path / "1D_Burgers_Sols_Nu0.1.hdf5", scalar_field(2, 5, 16))
    assert "expected parameters ('beta',), got ('Nu',)" in fails(capsys, *evaluate, str(burgers))
    flow = write_compressible(tmp_path / "1D_CFD_periodic.hdf5", points=16, eta=0.1, zeta=0.1)
    assert "expected channels ('u',), got ('density', 'pressure', 'Vx')" in fails(
        capsys, *evaluate, str(flow)
    )
    name = "1D_Advection_Sols_beta1.0"
    slow = write_scalar(tmp_path / f"{name}.hdf5", scalar_field(2, 5, 16))
    assert "one step of the surrogate is 0.1 long" in fails(capsys, *evaluate, str(slow))
    x, t = 4 * (np.arange(16) + 0.5) / 16, 0.1 * np.arange(6)
    long = write_scalar(tmp_path / f"{name}_long.hdf5", scalar_field(2, 5, 16), x=x, times=t)
    assert "expected a domain of length 1 as in training, got 4" in fails(capsys, *evaluate, str(long))
    wall = write_scalar(tmp_path / f"{name}_wall.hdf5", scalar_field(2, 5, 16), times=t, boundary="wall")
    assert "expected boundaries ('periodic',), got ('wall',)" in fails(capsys, *evaluate, str(wall))
    u = scalar_field(2, 5, 16)
    u[1] = np.inf
    bad = write_scalar(tmp_path / f"{name}_bad.hdf5", u, times=t)
    assert "NaN or infinity" in fails(capsys, *evaluate, str(bad), "--all-samples")
    assert not (tmp_path / "e").exists()


def test_evaluate_says_where_every_sample_was_trained_on(run, data, capsys, tmp_path):
    ids = json.loads((Path(run) / "split.json").read_text())["training"][:2]
    with h5py.File(next(Path(data).glob("*.hdf5"))) as file:
        rows = [file["initial-condition"][:].tolist().index(n) for n in ids]
        u = scalar_field(2, 5, 16)
        u[:, 0] = file["tensor"][:][rows, 0]  # in rows with other numbers, and followed by other frames
    write_scalar(tmp_path / "1D_Advection_Sols_beta1.0.hdf5", u, times=0.1 * np.arange(6))
    line = fails(capsys, "evaluate", run, "--data", str(tmp_path), "--out", str(tmp_path / "e"))
    assert "every initial condition was trained or validated on; give other data, or set all_samples" in line


@pytest.mark.thorough
def test_fresh_initial_conditions_are_all_evaluated_whatever_their_numbers(run, capsys, tmp_path):
    ids = json.loads((Path(run) / "split.json").read_text())["training"][:2]
    write_scalar(
        tmp_path / "1D_Advection_Sols_beta1.0.hdf5",
        scalar_field(2, 5, 16),
        times=0.1 * np.arange(6),
        datasets={"initial-condition": np.array(ids)},
    )
    options = ["--out", str(tmp_path / "e"), "--no-figures"]
    assert main(["evaluate", run, "--data", str(tmp_path), *options]) == 0
    assert "left out" not in capsys.readouterr().out
    (row,) = json.loads((tmp_path / "e" / "evaluation.json").read_text())["rows"]
    assert row["samples"] == 2


def test_folders_that_hold_no_surrogate_are_refused(run, data, capsys, tmp_path):
    options = ["--data", data, "--out", str(tmp_path / "e")]
    assert "no-run" in fails(capsys, "evaluate", str(tmp_path / "no-run"), *options)
    half = shutil.copytree(run, tmp_path / "half", ignore=shutil.ignore_patterns("model", "evaluation"))
    assert "the run was never validated, so it has no model yet" in fails(
        capsys, "evaluate", str(half), *options
    )
    damaged = shutil.copytree(Path(run) / "model", tmp_path / "damaged")
    (damaged / "weights.safetensors").write_bytes(b"broken")
    assert "weights.safetensors" in fails(capsys, "evaluate", str(damaged), *options)
    assert not (tmp_path / "e").exists()
