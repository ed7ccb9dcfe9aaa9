"""cape train --from MODEL."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import QUIET, fails
from small_files import scalar_field, write_scalar

from cape.cli import main
from cape.commands.start import run_name, settings_from, split_start
from cape.commands.train import presets
from cape.config import load_toml
from cape.experiment import Experiment
from cape.pretrained import load
from cape.training.curriculum import Autoregressive


@pytest.mark.thorough
def test_a_run_takes_more_epochs_on_its_own_data_in_another_folder(run, tmp_path):
    out = tmp_path / "b"
    assert main(["train", "--from", run, "--out", str(out), *QUIET]) == 0
    config, own = (json.loads((Path(folder) / "config.json").read_text()) for folder in (out, run))
    assert config["data"] == own["data"] and config["training"]["epochs"] == own["training"]["epochs"]
    assert config["training"]["curriculum"] == {"type": "autoregressive"}
    assert config["start"]["model"] == run and len(config["start"]["weights_sha256"]) == 64
    first, stage = load(out).lineage
    assert (stage.start, stage.data, stage.epochs) == ("run", ("simulated advection",), 1)
    assert (first.start, first.data, first.epochs) == ("", ("simulated advection",), 1)
    assert main(["publish", str(out), "--out", str(tmp_path / "card")]) == 0
    card = (tmp_path / "card" / "README.md").read_text()
    assert "1. from random weights on simulated advection, 1 epoch\n" in card
    assert "2. from run (weights " in card and "on 16 trajectories of simulated advection" in card
    assert "They start from the weights of run." in card
    settings = json.loads((tmp_path / "card" / "training.json").read_text())
    assert settings["start"]["model"] == "run"  # without folders of this machine
    assert main(["check", str(out), "--quiet"]) == 0
    again = ["train", str(out / "config.json"), "--out", str(tmp_path / "again"), *QUIET]
    assert main(again) == 0
    weights = [folder / "model" / "weights.safetensors" for folder in (out, tmp_path / "again")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_settings_that_do_not_fit_the_start_end_in_one_line_before_data_are_read(run, tmp_path, capsys):
    start = ["train", "--from", run, "--out", str(tmp_path / "b"), *QUIET]
    missing = ["--data.files", str(tmp_path / "none")]
    line = fails(capsys, *start, *missing, "--model.substeps", "2")
    assert "has another model (model.substeps: 1 and 2); a training from it keeps its architecture" in line
    assert "model.base.type: fno and u-net" in fails(capsys, *start, *missing, "model.base:u-net")
    assert "no such file" in fails(capsys, *start, *missing)
    assert "--from: expected one folder or name" in fails(capsys, "train", "--from")
    assert "expected a pretrained folder, the folder of a run, or the name" in fails(
        capsys, "train", "--from", "nothing"
    )
    path = write_scalar(
        tmp_path / "1D_Advection_Sols_beta1.0.hdf5", scalar_field(12, 5, 16), times=np.arange(6.0)
    )
    line = fails(capsys, *start, "--data.files", str(path))
    assert "expected the time step 0.1 of" in line and "got 1; give data with this step" in line
    assert not (tmp_path / "b").exists()
    assert "holds a run of another configuration" in fails(
        capsys, "train", "--from", run, "--out", run, *QUIET
    )
    line = fails(
        capsys, "train", str(Path(run) / "config.json"), "--out", run, "--training.epochs", "3", *QUIET
    )
    assert "for more epochs, start another run from this one" in line


def test_the_defaults_are_those_of_the_start_and_follow_new_data(run, tmp_path):
    own = json.loads((Path(run) / "config.json").read_text())
    settings = settings_from(run, None, new_data=True)
    assert settings.data.files == settings.data.held_out == ()
    assert (settings.training.epochs, settings.training.batch) == (0, 0)
    assert settings.training.objective.noise == own["training"]["objective"]["noise"]
    assert settings.model == load(run).config and settings.training.warmup_epochs == 0
    assert settings_from("burgers1d", None, new_data=False).data.simulation.equation == "burgers"
    alone = shutil.copytree(Path(run) / "model", tmp_path / "alone")
    assert settings_from(str(alone), None, new_data=True).training.epochs == 0
    with pytest.raises(ValueError, match="its training data are not recorded; give --data.files"):
        settings_from(str(alone), None, new_data=False)
    assert [run_name(name) for name in ("runs/a", "runs/a/model/", "hf://x/y", "burgers1d")] == [
        f"{name}-continued" for name in ("a", "a", "y", "burgers1d")
    ]
    preset = load_toml(Experiment, presets()["advection1d"])
    settings = settings_from(run, preset, new_data=True)
    assert (settings.data, settings.training.epochs) == (preset.data, preset.training.epochs)
    assert settings.training.curriculum == Autoregressive() and settings.model == load(run).config
    assert split_start(["auto", "--from=a", "--out", "b"]) == ("a", ["auto", "--out", "b"])
