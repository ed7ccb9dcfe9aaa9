"""cape predict on untrained surrogates: its options, warnings, figures, and mistakes in one line."""

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_files import scalar_field, write_scalar
from small_surrogates import problem_of, surrogate_of

from cape.cli import main
from cape.datasets.opening import open_files
from cape.datasets.simulate.simulation import simulate
from cape.pretrained import save

pytestmark = pytest.mark.filterwarnings("always::cape.out_of_distribution.OutOfDistributionWarning")


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "expected either --initial FILE... or --simulate N, which draws initial conditions for the"),
        (["--simulate", "2", "--initial", "x.hdf5"], "equation; found both of them"),
        (
            ["--simulate", "-2", "--parameter", "Nu=1"],
            "samples: expected 1 to 1000000 initial conditions",
        ),
        (["--simulate", "2", "--parameter", "Nu=1", "--seed", "-1"], "seed: expected 0 to 2147483647"),
        (
            ["--simulate", "2", "--parameter", "Nu=1", "--resolution", "8"],
            "resolution: expected at least 16",
        ),
        (["--simulate", "2", "--samples", "3"], "--samples is an option of --initial only"),
        (["--initial", "x.hdf5", "--resolution", "32"], "--resolution is an option of --simulate only"),
        (
            ["--simulate", "2"],
            "expected a value for every parameter, such as Nu=...; missing: Nu (trained on",
        ),
        (["--simulate", "2", "--parameter", "Nu=0.1:1"], "parameter: Nu: cannot read the parameter values"),
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
            "weights.safetensors: damaged, expected a complete safetensors file",
        ),
        (
            lambda f: (f / "weights.safetensors").write_bytes(pickle.dumps(Bomb())),
            "weights.safetensors: a pickled checkpoint, expected safetensors; pickles are never read",
        ),
        (with_config(format=4), "config.json: format 4, this version of cape reads 3; upgrade cape-jax"),
        (with_config(model={"base": {"type": "fno", "width": 9}}), "weights.safetensors: does not match config.json"),
        (with_config(model={"base": {"type": "os.system"}}), "model: base: unknown type 'os.system'; known are fno"),
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


def test_whatever_training_has_not_seen_is_one_line_each_and_no_error(burgers, tmp_path, capsys):
    options = ["--parameter", "Nu=0.1,3", "--resolution", 32, "--steps", 6, "--out", tmp_path / "p"]
    assert command(burgers, "--simulate", 1, *options) == 0
    assert capsys.readouterr().err.splitlines() == [
        "warning: Nu = 3 (trained on 0.01 to 1): the surrogate extrapolates",
        "warning: a grid of 32 points (trained on 16): 2 times finer than in training",
        "warning: 6 steps (trained on up to 5): errors grow beyond what training has shown",
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
        f"warning: {file}: its frames are 0.05 apart; the predicted frames are 0.1 apart, one step of the surrogate\n"
    )


@pytest.mark.thorough
def test_figures_of_a_sweep_lie_next_to_the_file(burgers, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    out = tmp_path / "p.hdf5"
    options = [burgers, "--simulate", 2, "--parameter", "Nu=0.1,0.2,1", "--steps", 5, "--out", out]
    assert command(*options, "--plot", "--animate") == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / f"p.{kind}") for kind in ("hdf5", "png", "gif")]
    with Image.open(tmp_path / "p.png") as figure, Image.open(tmp_path / "p.gif") as animation:
        assert figure.width > 500
        assert animation.n_frames == 6
    out.unlink()
    assert command(*options, "--plot") == 1
    assert "already there: " in capsys.readouterr().err
    assert not out.exists()
    assert command(*options[:-1], tmp_path / "p2.png", "--plot") == 1
    assert "the name of a figure; expected a name such as p2.hdf5" in capsys.readouterr().err
