"""The command line: every command on one tiny run, and every mistake as one line and a non-zero status."""

import dataclasses
import json
import shutil
import sys
import warnings
from pathlib import Path

import h5py
import jax
import numpy as np
import pytest
from flax import nnx
from jax.experimental.compilation_cache import compilation_cache
from small_files import scalar_field, write_compressible, write_scalar

import cape
from cape import cli
from cape.cli import main
from cape.commands.session import prepare_jax
from cape.commands.train import DEFAULT_PRESET, presets
from cape.datasets.opening import open_files
from cape.datasets.trajectories import Trajectories
from cape.inference import predict as prediction
from cape.model.config import FNO, Film, ModelConfig, PaperCape, PaperFNO
from cape.out_of_distribution import LongerThanTrained
from cape.pretrained import save
from cape.problem import Problem
from cape.surrogate import OutsideTrainedRange, Surrogate

TINY = """
[data]
held_out = ["beta=1.0"]
folder = "{folder}/data"

[data.simulation]
equation = "advection"
parameters = ["beta=0.5,1.0,2.0"]
samples = 10
resolution = 16
frames = 5
t_end = 0.4

[model.base]
kind = "FNO"
width = 4
modes = 3
layers = 1
projection = 4

[model.conditioning]
kind = "Film"
width = 4

[training]
epochs = 1
warmup_epochs = 0
batch = 8

[training.objective]
noise = 0.0
"""
QUIET = ["--quiet", "--no-figures"]


@pytest.fixture(scope="module", autouse=True)
def as_users_run_it():
    """The usual promotion of dtypes: optax needs it."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    """A folder with tiny.toml, its data/ and the run/ trained from it."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "tiny.toml").write_text(TINY.format(folder=folder.as_posix()))
    assert main(["train", str(folder / "tiny.toml"), "--out", str(folder / "run"), *QUIET]) == 0
    return folder


@pytest.fixture
def run(tiny) -> str:
    return str(tiny / "run")


@pytest.fixture
def data(tiny) -> str:
    (folder,) = (tiny / "data").iterdir()
    return str(folder)


@pytest.fixture(scope="module")
def surrogate() -> Surrogate:
    """An untrained surrogate of 1D compressible flow with two parameters, for which no file has to be made."""
    problem = Problem(
        equation="compressible",
        channels=("density", "pressure", "Vx"),
        parameters=("eta", "zeta"),
        boundaries=("periodic",),
        resolution=(16,),
        origin=(1 / 32,),
        length=(1.0,),
        dt=0.05,
        steps=3,
        channel_mean=(1.0, 2.0, 0.0),
        channel_std=(1.0, 1.0, 1.0),
        low=(0.1, 0.1),
        high=(1.0, 1.0),
        values=((0.1, 0.1), (1.0, 1.0)),
    )
    return Surrogate(problem, ModelConfig(FNO(4, 3, 1, 4), Film(width=4)), rngs=nnx.Rngs(0))


@pytest.fixture
def flow(surrogate, tmp_path) -> tuple[str, str]:
    """Folder of that surrogate, and a file that goes with it."""
    save(surrogate, tmp_path / "model")
    path = tmp_path / "1D_CFD_periodic.hdf5"
    write_compressible(path, samples=5, points=16, eta=0.3, zeta=0.2)
    with h5py.File(path, "r+") as file:  # fields that a network takes
        for name in ("density", "pressure", "Vx"):
            file[name][...] = file[name][...] / 3000
    return str(tmp_path / "model"), str(path)


def fails(capsys, *arguments: str) -> str:
    """Run a command that must fail with status 1 and one line; give the line without the command's name."""
    capsys.readouterr()
    assert main(list(arguments)) == 1
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if not line.startswith("warning: ")]
    assert len(lines) == 1, captured.err
    start = f"cape {arguments[0]}: "
    assert lines[0].startswith(start)
    assert captured.out == ""
    return lines[0].removeprefix(start)


def tree(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_size for p in sorted(folder.rglob("*"))}


# ---- train ----------------------------------------------------------------------------------------------------


def test_training_leaves_a_run_with_all_it_follows_from_and_its_evaluation(tiny):
    run = tiny / "run"
    found = {path.name for path in run.iterdir()}
    assert found == {"config.json", "split.json", "metrics.jsonl", "checkpoints", "model", "evaluation"}
    assert {p.name for p in (run / "evaluation").iterdir()} == {"evaluation.json", "evaluation.csv"}
    config = json.loads((run / "config.json").read_text())
    assert config["data"]["simulation"]["frames"] == 5
    assert config["model"]["base"] == {
        "kind": "FNO",
        "width": 4,
        "modes": 3,
        "layers": 1,
        "projection": 4,
        "kernel": 0,
    }
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 1
    assert not list(tiny.rglob("*.part"))


def test_the_evaluation_of_a_run_has_the_documented_keys(tiny):
    content = json.loads((tiny / "run" / "evaluation" / "evaluation.json").read_text())
    assert {"metrics_version", "rows"} <= set(content)
    keys = {"parameters", "kind", "samples", "RMSE", "nRMSE", "nRMSE_median", "VRMSE", "persistence_nRMSE"}
    assert all(keys <= set(row) for row in content["rows"])
    kinds = {row["parameters"]["beta"]: row["kind"] for row in content["rows"]}
    assert kinds == {0.5: "seen", 1.0: "interpolated", 2.0: "seen"}
    assert {row["samples"] for row in content["rows"]} == {1}


def test_a_finished_run_is_evaluated_again_and_not_trained_again(tiny, run, capsys):
    before = (tiny / "run" / "model" / "weights.safetensors").stat().st_mtime_ns
    assert main(["train", str(tiny / "run" / "config.json"), "--out", run, *QUIET]) == 0
    out = capsys.readouterr().out
    assert "interpolated" in out
    assert f"evaluation.json and evaluation.csv are in {tiny / 'run' / 'evaluation'}" in out
    assert (tiny / "run" / "model" / "weights.safetensors").stat().st_mtime_ns == before


def test_the_configuration_of_a_run_repeats_it_bit_by_bit(tiny, tmp_path):
    assert main(["train", str(tiny / "run" / "config.json"), "--out", str(tmp_path), *QUIET]) == 0
    one, two = (folder / "model" / "weights.safetensors" for folder in (tiny / "run", tmp_path))
    assert one.read_bytes() == two.read_bytes()


def test_a_run_of_another_configuration_is_left_alone(tiny, run, capsys):
    before = tree(tiny)
    line = fails(capsys, "train", str(tiny / "tiny.toml"), "--out", run, "--training.batch", "7", *QUIET)
    assert "holds a run of another configuration (training.batch: 8 and 7); choose another --out" in line
    assert tree(tiny) == before


def test_a_bare_option_without_preset_means_the_default_one(capsys):
    assert main(["train", "--help"]) == 0
    out = capsys.readouterr().out
    assert f"cape train {DEFAULT_PRESET}" in out
    assert "PRESET is one of" in out
    assert main(["train", "--list"]) == 0
    assert capsys.readouterr().out.split() == sorted(presets())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--training.epochz", "3"], "Perhaps you meant"),
        (["--training.epochs", "three"], "--training.epochs"),
        (["--training.epochs", "0"], "expected at least 1, got"),
        (["--model.base.width", "0"], "FNO.width"),
        (["model.bse:fno"], "model.base:fno"),
        (["model.base:message"], "model.base:message-passing"),
        (["model.base:factorized-fno"], "model.base:factorised-fno"),
        (["model.base:convnext"], "model.base:conv-next-u-net"),
    ],
)
def test_misspelt_overrides_end_with_status_2_and_what_was_expected(tiny, options, message, capsys, tmp_path):
    assert main(["train", str(tiny / "tiny.toml"), "--out", str(tmp_path / "x"), *options]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_unknown_presets_keys_and_kinds_are_refused_before_anything_is_written(tiny, capsys, tmp_path):
    out = ["--out", str(tmp_path / "x"), *QUIET]
    assert fails(capsys, "train", "smok", *out) == "no preset or file 'smok'; did you mean 'smoke'?"
    file = tmp_path / "my.toml"
    for text, message in (
        ("[trainin]\nepochs = 3", f"{file}: unknown key 'trainin'; did you mean 'training'?"),
        ("[training]\nepoch = 3", f"{file}: training: unknown key 'epoch'; did you mean 'epochs'?"),
        ("[training]\nepochs = 3.5", f"{file}: training.epochs: expected int, got 3.5"),
        ("[model.base]\nkind = 'UNet2'", f"{file}: model.base: unknown kind 'UNet2'; did you mean 'UNet'?"),
        ("[training]\nepochs = 0", f"{file}: training.epochs: expected at least 1, got 0"),
    ):
        file.write_text(text)
        assert fails(capsys, "train", str(file), *out) == message
    file.write_text("[training")
    assert fails(capsys, "train", str(file), *out).startswith(f"{file}: not a TOML file")
    assert list(tmp_path.iterdir()) == [file]


# ---- bad data, refused by train -------------------------------------------------------------------------------


def advection_files(folder: Path, **second) -> list[str]:
    """Two files of advection, the second with a deviation."""
    u = scalar_field(10, 5, 16) / 1000
    first = write_scalar(folder / "1D_Advection_Sols_beta1.0.hdf5", u, beta=1.0)
    u = second.pop("u", u)
    x = (np.arange(u.shape[-1]) + 0.5) / u.shape[-1]
    other = write_scalar(folder / "second.hdf5", u, x=x, **{"beta": 2.0} | second)
    return [str(first), str(other)]


def with_nan() -> np.ndarray:
    u = scalar_field(10, 5, 16) / 1000
    u[:, 2, 3] = np.nan
    return u


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"without": ("tensor",)}, "second.hdf5: unknown layout, found t-coordinate [6], x-coordinate [16]"),
        (
            {"without": ("x-coordinate",)},
            "second.hdf5: no dataset 'x-coordinate', found t-coordinate, tensor",
        ),
        ({"beta": "fast"}, "second.hdf5: root attribute 'beta' is 'fast', expected one number"),
        ({"equation": "burgers"}, "second.hdf5: no parameter 'Nu': expected a root attribute"),
        (
            {"u": scalar_field(10, 5, 16)[0]},
            "second.hdf5: 'tensor' has 2 axes [5, 16], expected 3 [sample, time",
        ),
        ({"u": scalar_field(10, 5, 8)}, "resolution: (16,) in "),
        ({"u": scalar_field(10, 4, 16)}, "frames: 5 in "),
        ({"boundary": "wall"}, "boundaries: ('periodic',) in "),
        ({"u": with_nan()}, "sample(s) with NaN or infinity"),
        ({"beta": 1.0}, "no parameter varies in the training data (beta): a model conditioned on them"),
    ],
)
def test_bad_files_are_refused_in_one_line_and_leave_no_run(tiny, second, message, capsys, tmp_path):
    files = advection_files(tmp_path, **second)
    before = tree(tmp_path)
    options = ["--data.files", *files, "--data.held-out", "--out", str(tmp_path / "run"), *QUIET]
    assert message in fails(capsys, "train", str(tiny / "tiny.toml"), *options)
    assert tree(tmp_path) == before


def test_missing_files_mixed_channels_and_what_is_no_hdf5_are_refused(tiny, capsys, tmp_path):
    train = ["train", str(tiny / "tiny.toml"), "--out", str(tmp_path / "run"), *QUIET, "--data.files"]
    scalar, _ = advection_files(tmp_path)
    flow = str(write_compressible(tmp_path / "1D_CFD_periodic.hdf5", points=16, eta=0.1, zeta=0.1))
    text = tmp_path / "text.hdf5"
    text.write_text("no HDF5")
    assert "nothing.hdf5: no such file" in fails(capsys, *train, str(tmp_path / "nothing.hdf5"))
    assert "channel names: ('u',) in " in fails(capsys, *train, scalar, flow)
    assert "text.hdf5: cannot be opened as HDF5" in fails(capsys, *train, str(text))
    assert not (tmp_path / "run").exists()


def test_a_model_that_does_not_fit_leaves_no_run(tiny, capsys, tmp_path):
    u_net = ["model.base:u-net", "--model.base.features", "4", "--model.base.levels", "5"]
    line = fails(capsys, "train", str(tiny / "tiny.toml"), *QUIET, "--out", str(tmp_path / "x"), *u_net)
    assert "grid divisible by 2^levels = 32 along each axis, got (16,)" in line
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_training_says_so_and_leaves_nothing_before_its_first_checkpoint(
    tiny, capsys, tmp_path, monkeypatch
):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("cape.experiment.fit", stop)
    assert main(["train", str(tiny / "tiny.toml"), "--out", str(tmp_path / "x"), *QUIET]) == 130
    assert capsys.readouterr().err.strip() == "cape train: interrupted; the same command goes on"
    assert list(tmp_path.iterdir()) == []


# ---- evaluate -------------------------------------------------------------------------------------------------


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
    write_scalar(
        tmp_path / "1D_Advection_Sols_beta1.0.hdf5",
        scalar_field(2, 5, 16),
        times=0.1 * np.arange(6),
        datasets={"initial-condition": np.array(ids)},
    )
    line = fails(capsys, "evaluate", run, "--data", str(tmp_path), "--out", str(tmp_path / "e"))
    assert "every initial condition of these files was trained or validated on; --all-samples" in line


def test_folders_that_hold_no_surrogate_are_refused(run, data, capsys, tmp_path):
    options = ["--data", data, "--out", str(tmp_path / "e")]
    assert "no-run" in fails(capsys, "evaluate", str(tmp_path / "no-run"), *options)
    half = shutil.copytree(run, tmp_path / "half", ignore=shutil.ignore_patterns("model", "evaluation"))
    assert "a run that was never validated, so it has no model yet" in fails(
        capsys, "evaluate", str(half), *options
    )
    damaged = shutil.copytree(Path(run) / "model", tmp_path / "damaged")
    (damaged / "weights.safetensors").write_bytes(b"broken")
    assert "weights.safetensors" in fails(capsys, "evaluate", str(damaged), *options)
    assert not (tmp_path / "e").exists()


# ---- load and predict -----------------------------------------------------------------------------------------


def test_three_lines_of_python_load_a_run_and_roll_it_out(run):
    surrogate = cape.load(run)
    frames = surrogate.rollout(np.zeros((2, 16, 1)), {"beta": 0.7}, steps=3)
    assert frames.shape == (2, 3, 16, 1)


def test_a_prediction_equals_the_rollout_and_opens_as_any_file(run, data, tmp_path, capsys):
    out = tmp_path / "p.hdf5"
    assert main(["predict", run, "--initial", data, "--out", str(out), "--steps", "6", "--quiet"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    truth, predicted = open_files(data), open_files(out)
    assert (predicted.frames, predicted.samples, predicted.resolution) == (7, 30, (16,))
    assert predicted.equation == "advection"
    assert predicted.dt == pytest.approx(0.1)
    assert np.array_equal(predicted.parameters, truth.parameters)
    assert np.array_equal(predicted.initial_conditions, truth.initial_conditions)
    u = predicted.read()
    u0 = truth.read()[:, 0]
    assert np.array_equal(u[:, 0], u0)
    with pytest.warns(LongerThanTrained, match="6 steps"):
        expected = cape.load(run).rollout(u0, truth.parameters, 6)
    assert np.allclose(u[:, 1:], expected, rtol=1e-5, atol=1e-6)
    assert main(["inspect", str(out)]) == 0
    assert "frames          7, t = 0 to 0.6, dt = 0.1" in capsys.readouterr().out


def test_a_prediction_in_pieces_equals_the_prediction_at_once(flow, tmp_path, monkeypatch):
    model, file = flow
    options = ["--initial", file, "--steps", "7", "--quiet"]
    assert main(["predict", model, *options, "--out", str(tmp_path / "whole")]) == 0
    for values in (16 * 3 * 2, 16 * 3 * 5 * 3):  # 2 samples and 1 step at a time; 5 samples and 3 steps
        monkeypatch.setattr(prediction, "_CHUNK_VALUES", values)
        out = tmp_path / f"pieces{values}"
        assert main(["predict", model, *options, "--out", str(out)]) == 0
        whole, pieces = open_files(tmp_path / "whole"), open_files(out)
        assert np.allclose(whole.read(), pieces.read(), rtol=1e-5, atol=1e-6)


def test_named_parameters_replace_those_of_the_files_and_warn_outside_the_trained_range(
    flow, surrogate, tmp_path, capsys
):
    model, file = flow
    out = tmp_path / "p_periodic.hdf5"
    options = ["--initial", file, "--out", str(out), "--steps", "2", "--quiet", "--samples", "3"]
    assert main(["predict", model, *options, "--parameter", "eta=0.7"]) == 0
    assert capsys.readouterr().err == ""
    predicted = open_files(out)
    assert predicted.parameters.tolist() == [[0.7, 0.2]] * 3
    u0 = open_files(file).read()[:3, 0]
    expected = surrogate.rollout(u0, {"eta": 0.7, "zeta": 0.2}, 2)
    assert np.allclose(predicted.read()[:, 1:], expected, rtol=1e-5, atol=1e-6)

    assert main(["predict", model, *options, "--parameter", "zeta=3", "eta=1", "--overwrite"]) == 0
    assert capsys.readouterr().err == "warning: zeta = 3 (trained on 0.1 to 1): the surrogate extrapolates\n"
    assert open_files(out).parameters.tolist() == [[1.0, 3.0]] * 3
    with warnings.catch_warnings(), pytest.warns(OutsideTrainedRange, match="eta = 5"):
        surrogate.rollout(u0, {"eta": 5.0, "zeta": 0.2}, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "0"], "--steps: expected at least one step, got 0"),
        (["--steps", "2", "--samples", "-1"], "--samples: expected 0 (all) or more, got -1"),
        (["--steps", "2", "--parameter", "et=1"], "surrogate has no parameter 'et'; did you mean 'eta'?"),
        (
            ["--steps", "2", "--parameter", "eta"],
            "--parameter: expected NAME=VALUE, such as Nu=0.01, got 'eta'",
        ),
        (["--steps", "2", "--parameter", "eta=x"], "--parameter: eta: cannot read the parameter values 'x'"),
        (["--steps", "2", "--parameter", "eta=1", "eta=2"], "--parameter: eta is given twice, 1 and 2"),
        (
            ["--steps", "2", "--parameter", "eta=nan"],
            "--parameter: eta: cannot read the parameter values 'nan'",
        ),
        (["--steps", "2", "--space-stride", "5"], "16 points of a periodic axis cannot be sub-sampled by 5"),
    ],
)
def test_predict_refuses_what_does_not_fit_and_writes_nothing(flow, options, message, capsys, tmp_path):
    model, file = flow
    before = tree(tmp_path)
    line = fails(capsys, "predict", model, "--initial", file, "--out", str(tmp_path / "p"), *options)
    assert message in line
    assert tree(tmp_path) == before


def test_predict_refuses_to_overwrite_and_files_of_another_problem(flow, capsys, tmp_path):
    model, file = flow
    predict = ["predict", model, "--steps", "2", "--initial"]
    assert "already there: " in fails(capsys, *predict, file, "--out", file)
    scalar = write_scalar(tmp_path / "1D_Advection_Sols_beta1.0.hdf5", scalar_field(2, 5, 16))
    line = fails(capsys, *predict, str(scalar), "--out", str(tmp_path / "p"))
    assert "expected channels ('density', 'pressure', 'Vx'), got ('u',)" in line
    assert not (tmp_path / "p").exists()


def test_a_prediction_that_blows_up_leaves_no_file(surrogate, flow, capsys, tmp_path):
    problem = dataclasses.replace(surrogate.problem, channel_std=(1e-39, 1.0, 1.0))  # overflows in float32
    config = dataclasses.replace(surrogate.config, normalise="channel")
    save(Surrogate(problem, config, rngs=nnx.Rngs(0)), tmp_path / "model")
    before = tree(tmp_path)
    predict = ["predict", *flow[:1], "--initial", flow[1], "--out", str(tmp_path / "p"), "--steps", "2"]
    assert "the prediction is no longer finite after 2 steps" in fails(capsys, *predict, "--quiet")
    assert tree(tmp_path) == before


def test_a_shape_that_does_not_fit_is_refused(capsys, tmp_path, surrogate):
    """The published block is tied to one resolution."""
    model = ModelConfig(PaperFNO(4, 3, 1, 4), PaperCape(widening=4))
    save(Surrogate(surrogate.problem, model, rngs=nnx.Rngs(0)), tmp_path / "model")
    file = write_compressible(tmp_path / "1D_CFD_periodic.hdf5", points=20, eta=0.3, zeta=0.2)
    options = ["--initial", str(file), "--steps", "2", "--out", str(tmp_path / "p")]
    line = fails(capsys, "predict", str(tmp_path / "model"), *options, "--quiet")
    assert "16" in line
    assert "20" in line
    assert not (tmp_path / "p").exists()


def test_a_parameter_of_ones_own_makes_the_way_through_a_prediction(tmp_path, surrogate):
    """Its value is the same in all samples, and yet the readers find it again."""
    values = {"dimension": 1, "alpha": np.array([0.1, 1.0])}
    path = write_scalar(tmp_path / "own.hdf5", scalar_field(2, 3, 16), datasets={"alpha": values["alpha"]})
    trajectories = open_files(path)
    assert trajectories.parameter_names == ("alpha",)
    problem = Problem.of(trajectories)
    save(Surrogate(problem, surrogate.config, rngs=nnx.Rngs(0)), tmp_path / "model")
    options = ["--initial", str(path), "--steps", "2", "--out", str(tmp_path / "p"), "--quiet"]
    assert main(["predict", str(tmp_path / "model"), *options, "--parameter", "alpha=0.5"]) == 0
    predicted = open_files(tmp_path / "p")
    assert isinstance(predicted, Trajectories)
    assert predicted.parameters.tolist() == [[0.5], [0.5]]


# ---- inspect, simulate, download, and the command itself ------------------------------------------------------


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


def test_help_version_and_unknown_commands(capsys):
    assert main([]) == main(["--help"]) == main(["-h"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in cli.COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == cape.__version__
    assert main(["tran"]) == 2
    assert capsys.readouterr().err == "cape: unknown command 'tran'; did you mean 'train'?\n"


@pytest.mark.parametrize("command", sorted(set(cli.COMMANDS) - {"train"}))
def test_every_command_has_help(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"usage: cape {command}" in capsys.readouterr().out


def test_errors_are_one_line_however_long_and_show_where_they_arose_where_asked(monkeypatch, capsys):
    def broken(*_, **__):
        raise RuntimeError("many\nlines\n" + "and letters " * 1000)

    monkeypatch.setattr("cape.datasets.opening.inspect", broken)
    line = fails(capsys, "inspect", "x")
    assert line.startswith("many lines and letters")
    assert len(line) < 1100
    monkeypatch.setenv("CAPE_TRACEBACK", "1")
    with pytest.raises(RuntimeError, match="many"):
        main(["inspect", "x"])


def test_a_reader_that_has_seen_enough_is_no_error(monkeypatch, capsys):
    def closed(*_, **__):
        raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", sys.stdout)  # main puts another in its place
    monkeypatch.setattr("cape.datasets.opening.inspect", closed)
    assert main(["inspect", "x"]) == 141
    assert capsys.readouterr().err == ""


def test_compiled_programs_are_kept(compiled_programs):
    prepare_jax()
    compilation_cache.reset_cache()  # jax decides at its first program whether it keeps them
    jax.jit(lambda x: 3 * x)(np.float32(1))
    assert any("lambda" in path.name for path in compiled_programs.iterdir())
