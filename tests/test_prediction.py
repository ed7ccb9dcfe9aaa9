"""Predictions to files: sweeps, simulated initial conditions, warnings, bounded memory, nothing half-written."""

import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from flax import nnx
from PIL import Image
from small_files import scalar_field, write_scalar

from cape.cli import main
from cape.datasets.equations.equation import EQUATIONS
from cape.datasets.opening import find_files, open_files
from cape.datasets.simulate.simulation import MOST_SAMPLES, simulate
from cape.datasets.simulate.writer import write
from cape.datasets.trajectories import from_arrays
from cape.figures import prediction_figures as pictures
from cape.inference import predict as prediction
from cape.inference.initial_conditions import FromFiles, FromSimulator
from cape.model.config import FNO, Film, ModelConfig, Unaware, UNet
from cape.out_of_distribution import LongerThanTrained, OtherResolution, OutsideTrainedRange, Unseen
from cape.pretrained import save
from cape.problem import Problem
from cape.surrogate import Surrogate

SMALL = FNO(width=4, modes=2, layers=1, projection=4, kernel=0)


def problem_of(equation: str, /, points: int = 16, **changes) -> Problem:
    """The problem of training data of one of the simulated equations."""
    it = EQUATIONS[equation]
    axes, channels, parameters = it.dimension, len(it.channels), len(it.parameters)
    settings = {
        "equation": equation,
        "channels": it.channels,
        "parameters": it.parameter_names,
        "boundaries": (it.boundary,) * axes,
        "resolution": (points,) * axes,
        "origin": (it.origin + 0.5 * it.length / points,) * axes,
        "length": (it.length,) * axes,
        "dt": 0.1,
        "steps": 5,
        "channel_mean": (0.0,) * channels,
        "channel_std": (1.0,) * channels,
        "low": (0.01,) * parameters,
        "high": (1.0,) * parameters,
    }
    return Problem(**settings | changes)


def surrogate_of(problem: Problem, base=SMALL) -> Surrogate:
    return Surrogate(problem, ModelConfig(base, Film(width=4)), rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def burgers(tmp_path_factory) -> str:
    """Folder of an untrained surrogate of Burgers' equation."""
    folder = tmp_path_factory.mktemp("burgers") / "model"
    save(surrogate_of(problem_of("burgers")), folder)
    return str(folder)


@pytest.fixture(autouse=True)
def compiled_programs_are_not_kept(monkeypatch):
    monkeypatch.setattr("cape.commands.predict.prepare_jax", lambda: None)


def command(*arguments) -> int:
    return main(["predict", *map(str, arguments), "--quiet"])


# ---- initial conditions of the equation's own simulator --------------------------------------------------------


def test_simulated_initial_conditions_are_those_of_cape_simulate(burgers, tmp_path):
    (truth,) = simulate("burgers", tmp_path, {"Nu": "0.1"}, 3, seed=7, resolution=16, progress=False)
    out = prediction.predict(
        burgers, FromSimulator(3, seed=7), tmp_path / "p.hdf5", 4, ["Nu=0.1"], progress=False
    )
    true, predicted = open_files(truth), open_files(out)
    np.testing.assert_array_equal(predicted.read()[:, 0], true.read()[:, 0])
    np.testing.assert_array_equal(predicted.initial_conditions, true.initial_conditions)
    assert predicted.initial_conditions[0] == 7 * MOST_SAMPLES
    assert (predicted.equation, predicted.boundaries) == ("burgers", ("periodic",))
    np.testing.assert_allclose(predicted.coordinates[0], true.coordinates[0])
    expected = surrogate_of(problem_of("burgers")).rollout(true.read()[:, 0], [0.1], 4)
    np.testing.assert_allclose(predicted.read()[:, 1:], expected, rtol=1e-5, atol=1e-6)


def test_two_dimensions_and_two_channels_take_the_same_way(tmp_path):
    save(surrogate_of(problem_of("fitzhugh-nagumo")), tmp_path / "model")
    parameters = ["Du=0.01,0.1", "Dv=0.05", "k=0.02"]
    out = prediction.predict(
        tmp_path / "model", FromSimulator(2), tmp_path / "p.hdf5", 2, parameters, progress=False
    )
    found = open_files(out)
    assert found.fields.shape == (4, 3, 16, 16, 2)
    assert found.channel_names == ("u", "v")
    assert found.boundaries == ("wall", "wall")
    assert found.parameter_names == ("Du", "Dv", "k")
    assert found.parameters[:, 0].tolist() == [0.01, 0.01, 0.1, 0.1]
    assert found.initial_conditions.tolist() == [0, 1, 0, 1]
    u = found.read()
    np.testing.assert_array_equal(u[:2, 0], u[2:, 0])
    assert (u[0, 0] != u[1, 0]).any()
    assert (u[0, 1] != u[2, 1]).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"equation": "steam"},
            "no simulator of the surrogate's equation 'steam' (there are advection, burg",
        ),
        ({"channels": ("h",)}, "the simulator of burgers has channels ('u',), the surrogate ('h',)"),
        ({"boundaries": ("wall",)}, "has boundaries ('periodic',), the surrogate ('wall',)"),
        ({"parameters": ("nu",)}, "has parameters ['Nu'], the surrogate ['nu']"),
        ({"length": (2.0,)}, "the simulator of burgers: expected a domain of length 2 as in training, got 1"),
    ],
)
def test_a_simulator_of_another_problem_is_refused(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        FromSimulator(2).starts(problem_of("burgers", **changes))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "expected either --initial FILE... or --simulate N, which draws initial conditions for the"),
        (["--simulate", "2", "--initial", "x.hdf5"], "equation; found both of them"),
        (["--simulate", "-2", "--parameter", "Nu=1"], "--simulate: expected between 1 and 1000000 samples"),
        (["--simulate", "2", "--parameter", "Nu=1", "--seed", "-1"], "--seed: expected 0 to 2147483647"),
        (
            ["--simulate", "2", "--parameter", "Nu=1", "--resolution", "8"],
            "--resolution: expected at least 16",
        ),
        (["--simulate", "2", "--samples", "3"], "--samples goes with --initial only"),
        (["--initial", "x.hdf5", "--resolution", "32"], "--resolution goes with --simulate only"),
        (
            ["--simulate", "2"],
            "expected a value for every parameter, such as Nu=...; missing: Nu (trained on",
        ),
        (["--simulate", "2", "--parameter", "Nu=0.1:1"], "--parameter: Nu: cannot read the parameter values"),
        (["--simulate", "2", "--parameter", "Nu=1,1"], "expected every parameter value once"),
        (["--simulate", "2", "--parameter", "nu=1"], "no parameter 'nu'; did you mean 'Nu'?"),
    ],
)
def test_what_predict_cannot_do_is_one_line(burgers, options, message, tmp_path, capsys):
    assert command(burgers, *options, "--steps", 2, "--out", tmp_path / "p.hdf5") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("cape predict: ")
    assert message in lines[0]
    assert list(tmp_path.iterdir()) == []


class Bomb:
    """A pickle of it would make a folder when it is loaded."""

    def __reduce__(self):
        return os.mkdir, ("exploded",)


def with_config(**changes):
    def change(folder):
        content = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(content | changes))

    return change


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "config.json").unlink(), "model: expected a pretrained folder (config.json and weights."),
        (lambda f: (f / "config.json").write_text("{"), "config.json: not the config.json of a pretrained folder"),
        (lambda f: (f / "weights.safetensors").unlink(), "weights.safetensors: missing; a pretrained folder holds"),
        (
            lambda f: (f / "weights.safetensors").write_bytes((f / "weights.safetensors").read_bytes()[:-9]),
            "weights.safetensors: damaged, expected a whole safetensors file",
        ),
        (
            lambda f: (f / "weights.safetensors").write_bytes(pickle.dumps(Bomb())),
            "weights.safetensors: a pickled checkpoint, expected safetensors; nothing is ever unpickled here",
        ),
        (with_config(format=3), "config.json: format 3, this version of cape reads 2; upgrade cape-jax"),
        (with_config(model={"base": {"kind": "FNO", "width": 9}}), "weights.safetensors: does not match config.json"),
        (with_config(model={"base": {"kind": "os.system"}}), "model: base: unknown kind 'os.system'; known are FNO"),
    ],
)  # fmt: skip
def test_a_spoilt_surrogate_is_one_line_and_nothing_of_it_is_executed(
    burgers, spoil, message, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    spoil(Path(shutil.copytree(burgers, tmp_path / "model")))
    before = sorted(tmp_path.rglob("*"))
    options = ["--simulate", 1, "--parameter", "Nu=0.1", "--steps", 1, "--out", tmp_path / "p.hdf5"]
    assert command("model", *options) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert sorted(tmp_path.rglob("*")) == before


# ---- sweeps ----------------------------------------------------------------------------------------------------


def test_every_initial_condition_is_predicted_at_every_combination(tmp_path):
    problem = problem_of("reaction-diffusion", low=(0.01, 0.1), high=(5.0, 5.0))
    save(surrogate_of(problem), tmp_path / "model")
    texts = ["rho=1,2", "Nu=0.1,0.5,2"]
    source = FromSimulator(2, seed=1)
    out = prediction.predict(tmp_path / "model", source, tmp_path / "p.hdf5", 2, texts, progress=False)
    found = open_files(out)
    assert found.samples == 2 * 6
    assert found.initial_conditions.tolist() == [MOST_SAMPLES, MOST_SAMPLES + 1] * 6
    combinations = [(nu, rho) for rho in (1.0, 2.0) for nu in (0.1, 0.5, 2.0) for _ in range(2)]
    assert found.parameters.tolist() == [list(c) for c in combinations]
    assert main(["inspect", str(out)]) == 0


def test_a_sweep_in_pieces_is_the_sweep_at_once_and_each_value_alone(burgers, tmp_path, monkeypatch):
    def run(name, texts):
        source = FromSimulator(5, seed=2)
        return open_files(
            prediction.predict(burgers, source, tmp_path / name, 3, texts, progress=False)
        ).read()

    whole = run("whole", ["Nu=0.02,0.1,0.5,1"])
    np.testing.assert_allclose(whole[10:15], run("alone", ["Nu=0.5"]), rtol=1e-5, atol=1e-6)
    for most in (2 * 16, 11 * 16):  # 2 initial conditions at one value; all of them at two values
        monkeypatch.setattr(prediction, "_BATCH_VALUES", most)
        np.testing.assert_allclose(run(f"pieces{most}", ["Nu=0.02,0.1,0.5,1"]), whole, rtol=1e-5, atol=1e-6)


def test_a_range_draws_a_value_for_every_sample(burgers, tmp_path):
    def drawn(seed):
        out = tmp_path / f"p{seed}"
        options = ["--simulate", 4, "--seed", seed, "--parameter", "Nu=loguniform:0.01:1", "--steps", 1]
        assert command(burgers, *options, "--out", out, "--overwrite") == 0
        return open_files(out).parameters[:, 0]

    values = drawn(0)
    assert len(set(values)) == 4
    assert ((values >= 0.01) & (values <= 1)).all()
    assert (values != drawn(1)).all()
    (tmp_path / "simulated").mkdir()
    range_ = {"Nu": "loguniform:0.01:1"}
    (file,) = simulate("burgers", tmp_path / "simulated", range_, 4, resolution=16, frames=2, progress=False)
    np.testing.assert_array_equal(values, open_files(file).parameters[:, 0])  # truth of the same samples


def test_a_prediction_that_blows_up_says_at_which_value(tmp_path):
    problem = problem_of("burgers", channel_std=(1e-39,))  # overflows in float32
    config = ModelConfig(SMALL, Film(width=4), "channel")
    save(Surrogate(problem, config, rngs=nnx.Rngs(0)), tmp_path / "model")
    with pytest.raises(ValueError, match="no longer finite after 2 steps at Nu = 0.1; ask for fewer"):
        prediction.predict(
            tmp_path / "model", FromSimulator(2), tmp_path / "p", 2, ["Nu=0.1,0.2"], progress=False
        )
    assert {path.name for path in tmp_path.iterdir()} == {"model"}


# ---- warnings --------------------------------------------------------------------------------------------------


def test_whatever_training_has_not_seen_is_one_line_each_and_no_error(burgers, tmp_path, capsys):
    options = ["--parameter", "Nu=0.1,3", "--resolution", 32, "--steps", 6, "--out", tmp_path / "p"]
    assert command(burgers, "--simulate", 1, *options) == 0
    assert capsys.readouterr().err.splitlines() == [
        "warning: Nu = 3 (trained on 0.01 to 1): the surrogate extrapolates",
        "warning: a grid of 32 points (trained on 16): 2 times finer than in training",
        "warning: 6 steps (trained on up to 5): errors add up for longer than training has shown",
    ]
    options = ["--parameter", "Nu=0.1,1", "--steps", 5, "--out", tmp_path / "q"]
    assert command(burgers, "--simulate", 1, *options) == 0
    assert capsys.readouterr().err == ""


def test_frames_of_another_time_step_are_told(burgers, tmp_path, capsys):
    for dt, warned in ((0.1, False), (0.05, True)):
        file = tmp_path / f"1D_Burgers_Sols_Nu0.1_{dt}.hdf5"
        write_scalar(file, scalar_field(2, 3, 16) / 1000, times=dt * np.arange(4))
        assert command(burgers, "--initial", file, "--steps", 1, "--out", tmp_path / f"p{dt}") == 0
        err = capsys.readouterr().err
        assert (err != "") == warned
    assert err == (
        f"warning: {file}: frames 0.05 apart; those predicted are 0.1 apart, one step of the surrogate\n"
    )


@pytest.mark.parametrize(
    ("base", "points", "warned"),
    [
        (SMALL, 16, False),
        (SMALL, 32, False),
        (SMALL, 48, True),
        (SMALL, 12, True),
        (UNet(features=4, levels=1), 16, False),
        (UNet(features=4, levels=1), 32, True),
    ],
    ids=str,
)
def test_in_python_grids_up_to_twice_as_fine_are_no_news_to_spectral_models(base, points, warned):
    surrogate = surrogate_of(problem_of("burgers"), base)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        surrogate.warn_unseen(np.array([[0.1]]), (points,), 5, finest=surrogate.finest)
    assert [w.category for w in caught] == [OtherResolution] * warned


def test_warnings_of_a_rollout_point_to_its_caller_and_share_a_parent():
    surrogate = surrogate_of(problem_of("burgers"))
    with pytest.warns(Unseen) as caught:
        surrogate.rollout(np.zeros((1, 12, 1)), {"Nu": 2.0}, 6)
    assert [w.category for w in caught] == [OutsideTrainedRange, OtherResolution, LongerThanTrained]
    assert {w.filename for w in caught} == {__file__}
    assert "12 points (trained on 16): 1.33 times coarser than in training: what is smaller is lost" in str(
        caught[1].message
    )


# ---- memory, and what a killed prediction leaves ---------------------------------------------------------------

LONG = """
import resource, sys
from cape.inference import predict as prediction
from cape.inference.initial_conditions import FromFiles, FromSimulator
prediction._CHUNK_VALUES = 2**15
peaks = []
for steps in (1000, 10000):
    prediction.predict(sys.argv[1], FromSimulator(32), sys.argv[2], steps, ["Nu=0.1"], overwrite=True, progress=False)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(*peaks)
"""


def python(code: str, *arguments) -> subprocess.Popen:
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_ten_times_the_steps_take_no_more_memory(burgers, tmp_path):
    running = python(LONG, burgers, tmp_path / "p.hdf5")
    out, err = running.communicate(timeout=200)
    assert running.returncode == 0, err
    few, many = map(float, out.split())
    written = (tmp_path / "p.hdf5").stat().st_size / 2**20
    assert written > 19
    assert many - few < 0.4 * written, f"peak {few} MiB at 1000 steps, {many} MiB at 10000"


def test_a_killed_prediction_leaves_nothing_readers_see_and_the_next_one_cleans_up(burgers, tmp_path):
    out = tmp_path / "p.hdf5"
    code = "import sys; from cape.cli import main; main(sys.argv[1:])"
    options = ["--simulate", 1, "--parameter", "Nu=0.1", "--steps", 10**7, "--out", out, "--quiet"]
    running = python(code, "predict", burgers, *options)
    deadline = time.time() + 120
    while not any(path.stat().st_size > 2**20 for path in tmp_path.iterdir()):
        assert running.poll() is None, running.communicate()
        assert time.time() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".p.hdf5.")
    with pytest.raises(ValueError, match="a folder without .hdf5 or .h5 files"):
        find_files(tmp_path)
    prediction.predict(burgers, FromSimulator(1), out, 1, ["Nu=0.1"], progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["p.hdf5"]


# ---- pictures --------------------------------------------------------------------------------------------------


def test_pictures_of_a_sweep_lie_beside_the_file(burgers, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    out = tmp_path / "p.hdf5"
    options = [burgers, "--simulate", 2, "--parameter", "Nu=0.1,0.2,1", "--steps", 5, "--out", out]
    assert command(*options, "--plot", "--animate") == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / f"p.{kind}") for kind in ("hdf5", "png", "gif")]
    assert Image.open(tmp_path / "p.png").width > 500
    assert Image.open(tmp_path / "p.gif").n_frames == 6
    out.unlink()
    assert command(*options, "--plot") == 1
    assert "already there: " in capsys.readouterr().err
    assert not out.exists()
    assert command(*options[:-1], tmp_path / "p2.png", "--plot") == 1
    assert "the name of a picture; expected one such as p2.hdf5" in capsys.readouterr().err


@pytest.mark.parametrize("points", [(8, 8), (6, 6, 6)])
def test_pictures_in_two_and_three_dimensions(points, tmp_path):
    layout = {"coordinates": [np.arange(n) / n for n in points], "times": 0.1 * np.arange(5)}
    layout |= {"parameters": np.array([[0.1, 1.0], [0.1, 1.0], [0.1, 2.0], [0.1, 2.0]])}
    layout |= {"parameter_names": ("a", "b"), "channel_names": ("h", "w")}
    u = np.random.default_rng(0).normal(size=(4, 5, *points, 2))
    attributes = {"equation": "own", "boundary": "periodic"}
    file = write(
        tmp_path / "p.hdf5", u, initial_conditions=np.array([3, 4, 3, 4]), attributes=attributes, **layout
    )
    assert Image.open(pictures.draw(file, tmp_path / "p.png")).width > 500


def test_titles_tell_what_differs_and_the_caption_what_does_not():
    u = np.zeros((3, 2, 8, 1))
    data = {"channel_names": ("u",), "coordinates": (np.arange(8.0),), "times": (0.0, 1.0)}
    data |= {"boundaries": ("periodic",)}
    several = from_arrays(u, [[0.1, 1], [0.1, 2], [0.1, 3]], ("a", "b"), **data)
    assert pictures._titles(several) == (["b = 1", "b = 2", "b = 3"], "prediction   a = 0.1")
    assert pictures._titles(several.select([1])) == (["prediction"], "a = 0.1, b = 2")
    assert pictures._titles(several.select([1, 1]))[0] == ["(1)", "(2)"]


# ---- the layout ------------------------------------------------------------------------------------------------


def test_every_axis_keeps_its_own_kind_of_boundary(tmp_path):
    it = problem_of("navier-stokes", boundaries=("periodic", "wall"), equation="own", channels=("h",))
    save(surrogate_of(it), tmp_path / "model")
    layout = {"coordinates": [(np.arange(16) + 0.5) / 16] * 2, "times": 0.1 * np.arange(2)}
    layout |= {"parameters": np.full((2, 2), 0.1), "parameter_names": ("nu", "forcing")}
    u = np.random.default_rng(0).normal(size=(2, 2, 16, 16, 1))
    attributes = {"equation": "own", "boundary": "periodic, wall"}
    names = {"channel_names": ("h",), "initial_conditions": np.arange(2)}
    file = write(tmp_path / "start.hdf5", u, attributes=attributes, **names, **layout)
    out = prediction.predict(tmp_path / "model", FromFiles((file,)), tmp_path / "p", 1, progress=False)
    assert open_files(out).boundaries == ("periodic", "wall")
    for wrong in ("periodic, open", "wall, wall, wall"):
        write(tmp_path / "w.hdf5", u, attributes=attributes | {"boundary": wrong}, **names, **layout)
        with pytest.raises(ValueError, match=f"'boundary' is '{wrong}', expected one of .* or 2 of them"):
            open_files(tmp_path / "w.hdf5")
        (tmp_path / "w.hdf5").unlink()


def test_folders_are_opened_without_files_whose_names_start_with_a_dot(tmp_path):
    write_scalar(tmp_path / "1D_Advection_Sols_beta1.0.hdf5")
    (tmp_path / "._1D_Advection_Sols_beta1.0.hdf5").write_bytes(b"of another system")
    assert [path.name for path in find_files(tmp_path)] == ["1D_Advection_Sols_beta1.0.hdf5"]


@pytest.mark.parametrize("channels", [("u",), ("h", "w"), ("density", "pressure", "Vx", "Vy", "Vz")])
def test_three_dimensions_and_no_parameters_take_the_same_way(channels, tmp_path):
    names = {"channels": channels, "parameters": (), "low": (), "high": ()}
    cube = {
        "boundaries": ("periodic",) * 3,
        "resolution": (6,) * 3,
        "origin": (0.0,) * 3,
        "length": (1.0,) * 3,
    }
    statistics = {"channel_mean": (0.0,) * len(channels), "channel_std": (1.0,) * len(channels)}
    own = problem_of("burgers", equation="own", **names, **cube, **statistics)
    save(Surrogate(own, ModelConfig(SMALL, Unaware()), rngs=nnx.Rngs(0)), tmp_path / "model")
    u = np.random.default_rng(0).normal(size=(2, 2, 6, 6, 6, len(channels)))
    layout = {
        "coordinates": [np.arange(6) / 6] * 3,
        "times": 0.1 * np.arange(2),
        "parameters": np.zeros((2, 0)),
    }
    layout |= {"parameter_names": (), "channel_names": channels, "initial_conditions": np.arange(2)}
    attributes = {"equation": "own", "boundary": "periodic"}
    file = write(tmp_path / "start.hdf5", u, attributes=attributes, **layout)
    out = prediction.predict(tmp_path / "model", FromFiles((file,)), tmp_path / "p", 2, progress=False)
    found = open_files(out)
    assert found.fields.shape == (2, 3, 6, 6, 6, len(channels))
    assert (found.parameter_names, found.channel_names) == ((), channels)
    np.testing.assert_array_equal(found.read()[:, 0], u[:, 0].astype(np.float32))
    if channels == ("h", "w"):  # once is enough
        data = ["--data", str(out), "--out", str(tmp_path / "evaluation")]
        assert main(["evaluate", str(tmp_path / "model"), *data]) == 0
        row = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())["rows"][0]
        assert row["nRMSE"] < 1e-5
        assert "error_over_parameter.png" not in {path.name for path in (tmp_path / "evaluation").iterdir()}
    assert main(["inspect", str(out)]) == 0
