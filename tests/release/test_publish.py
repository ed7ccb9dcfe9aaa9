"""Publication: what a pretrained folder holds, and what cannot be published."""

import dataclasses
import hashlib
import json
import os
import stat

import numpy as np
import pytest

from cape import cli
from cape.config import load_json
from cape.data import prepare
from cape.datasets.opening import open_files
from cape.datasets.split_file import read_split
from cape.experiment import Experiment
from cape.pretrained import load, summary
from cape.release.publish import publish

WAVE = np.sin(2 * np.pi * np.arange(16) / 16).astype(np.float32)[None, :, None]


def test_a_published_folder_gives_the_surrogate_of_its_run(run, published):
    ours, theirs = load(published), load(run)
    assert (ours.problem, ours.config) == (theirs.problem, theirs.config)
    np.testing.assert_array_equal(
        ours.rollout(WAVE, {"beta": 0.7}, 3), theirs.rollout(WAVE, {"beta": 0.7}, 3)
    )


def test_a_published_folder_is_complete_and_readable_for_all(published):
    names = {"README.md", "config.json", "sample.hdf5", "split.json", "training.json", "weights.safetensors"}
    assert {file.name for file in published.iterdir()} == names
    assert os.listdir(published.parent) == [published.name]
    umask = os.umask(0o022)
    os.umask(umask)
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o666 & ~umask for file in published.iterdir())


def test_what_lies_beside_the_card_repeats_the_data(run, published, tmp_path, monkeypatch):
    experiment, config = (
        load_json(Experiment, file) for file in (published / "training.json", run / "config.json")
    )
    assert dataclasses.replace(experiment, data=config.data) == config
    monkeypatch.chdir(tmp_path)
    training = prepare(experiment.data, progress=False).training
    digest = hashlib.sha256(training.parameters.tobytes() + training.read().tobytes()).hexdigest()
    assert digest in (published / "README.md").read_text(encoding="utf-8")


def test_the_sample_holds_trajectories_that_training_never_saw(published):
    sample, known = open_files(published / "sample.hdf5"), read_split(published)
    load(published).problem.check_trajectories(sample)
    assert sample.equation == "advection" and sample.frames == 5
    assert sorted(sample.parameters[:, 0]) == [0.4, 1.0, 2.0]
    assert len(known) == 9 and not np.isin(sample.initial_conditions, known).any()


def test_what_is_there_is_replaced_only_when_asked(run, folder, tmp_path):
    (folder / "README.md").write_text("old")
    with pytest.raises(FileExistsError, match="already exists; .* set overwrite"):
        publish(run, folder, progress=False)
    assert (folder / "README.md").read_text() == "old"
    publish(run, folder, overwrite=True, progress=False)
    assert "∂ₜu" in (folder / "README.md").read_text(encoding="utf-8")
    (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match="not a pretrained folder; .* remove it yourself"):
        publish(run, tmp_path / "mine", overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["mine", "waves"]


def test_a_publication_that_fails_leaves_nothing(run, tmp_path, monkeypatch):
    def fail(card):
        raise KeyboardInterrupt

    monkeypatch.setattr("cape.release.publish.card_text", fail)
    with pytest.raises(KeyboardInterrupt):
        publish(run, tmp_path / "waves", progress=False)
    assert not os.listdir(tmp_path)


def test_a_run_of_an_earlier_version_that_recorded_fewer_statistics_is_published(run, tmp_path):
    file = copied(run, tmp_path / "run") / "model" / "config.json"
    config = json.loads(file.read_text())
    for name in ("channel_low", "channel_drift"):
        config["problem"][name] = []
    file.write_text(json.dumps(config))
    publish(tmp_path / "run", tmp_path / "waves", progress=False)
    assert load(tmp_path / "waves").problem.channel_drift == ()


def copied(run, to):
    for name in (
        "config.json",
        "model/config.json",
        "model/weights.safetensors",
        "evaluation/evaluation.json",
    ):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes((run / name).read_bytes())
    return to


def reseeded(run):
    config = json.loads((run / "config.json").read_text())
    config["data"]["split_seed"] = 5
    (run / "config.json").write_text(json.dumps(config))


def shortened(run):
    file = run / "evaluation" / "evaluation.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"rows": content["rows"][:2]}))


@pytest.mark.parametrize(
    ("spoil", "name", "license", "message"),
    [
        (lambda run: None, "my waves", "MIT", "out: expected a folder named by letters"),
        (lambda run: None, "waves", "", "license: expected an SPDX identifier"),
        (lambda run: (run / "model").rename(run / "best"), "waves", "MIT", "expected the folder of a run"),
        (lambda run: (run / "evaluation/evaluation.json").unlink(), "waves", "MIT", "has no evaluation yet"),
        (reseeded, "waves", "MIT", "the data are not those it was trained on: channel_mean is"),
        (shortened, "waves", "MIT", "2 trajectories over 4 steps, expected the 3 test trajectories"),
    ],
)
def test_what_cannot_be_published_is_named(run, tmp_path, spoil, name, license, message):
    spoil(copied(run, tmp_path / "run"))
    with pytest.raises(ValueError, match=message):
        publish(tmp_path / "run", tmp_path / name, license=license, progress=False)
    assert os.listdir(tmp_path) == ["run"]


def test_commands_publish_and_list(run, published, shelf, tmp_path, capsys):
    assert cli.main(["publish", str(run), "--out", str(tmp_path / "waves"), "--license", "MIT"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "waves")
    assert "license: mit" in (tmp_path / "waves" / "README.md").read_text(encoding="utf-8")
    assert cli.main(["publish", str(run), "--out", str(tmp_path / "waves")]) == 1
    assert cli.main(["models"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("waves ") and out.strip().endswith(summary(published))
    assert "advection; beta 0.4 to 2; 16 points; 4 steps of 0.1; cape around fno; nRMSE seen " in out
