"""Checks of runs: controls, values that are left out of the training, and the file that is written."""

import dataclasses
import json

import numpy as np
import pytest

import cape
from cape.checking import leave_one_out
from cape.data import DataConfig, SimulationConfig, prepare
from cape.datasets.lock import FolderInUse, locked
from cape.experiment import Experiment
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.pretrained import save
from cape.solvers.fno import FNOConfig
from cape.training.build import build
from cape.training.config import TrainingConfig
from cape.training.optimisers import AdamW
from cape.training.run_folder import claim

MODEL = ModelConfig(FNOConfig(width=4, modes=3, layers=1, projection=4, kernel=0), FiLMConfig(width=4))
TRAINING = TrainingConfig(epochs=1, warmup_epochs=0, batch=4, optimiser=AdamW())


def experiment_in(folder) -> Experiment:
    simulation = SimulationConfig(
        "advection", ("beta=0.5,1.0,2.0",), samples=10, resolution=16, frames=4, t_end=0.3
    )
    return Experiment(DataConfig(simulation=simulation, folder=str(folder / "data")), MODEL, TRAINING)


def untrained(experiment, folder):
    """Write the folder of a run as a training leaves it, with the initial weights."""
    data = prepare(experiment.data, progress=False)
    claim(experiment, data.training, data.validation, folder)
    save(build(experiment, data.training), folder / "model")
    return folder


@pytest.fixture
def run(tmp_path):
    return untrained(experiment_in(tmp_path), tmp_path / "run")


@pytest.fixture
def trained(monkeypatch):
    """Trainings give the initial weights; the list of their experiments, data and folders."""
    calls = []

    def train(experiment, data, folder, *, progress):
        calls.append((experiment, data, folder))
        return build(experiment, data.training)

    monkeypatch.setattr(leave_one_out, "train", train)
    return calls


def test_an_untrained_model_hardly_depends_on_its_parameters(run):
    found = cape.check(run, progress=False)
    assert found.use.obeys is False and found.left_out == ()
    assert str(found).splitlines()[-1] == found.use.verdict
    assert found.use.verdict.startswith(
        "The model hardly depends on beta: shuffled parameters raise the error"
    )
    content = json.loads((run / "check.json").read_text())
    assert (content["obeys"], content["verdict"]) == (False, found.use.verdict)
    assert [row["parameters"]["beta"] for row in content["rows"]] == [0.5, 1.0, 2.0]
    assert content["ratios"]["shuffled"] == pytest.approx(1, abs=0.1)
    assert content["kinds"] == {"seen": pytest.approx(np.mean([row["right"] for row in content["rows"]]))}
    assert not (run / "run.lock").exists()


def test_values_are_left_out_one_at_a_time(run, trained):
    found = cape.check(run, leave_one_out=True, progress=False)
    assert [value.parameters for value in found.left_out] == [{"beta": 0.5}, {"beta": 1.0}, {"beta": 2.0}]
    assert [value.kind for value in found.left_out] == ["extrapolated", "interpolated", "extrapolated"]
    for (experiment, data, folder), value in zip(trained, found.left_out, strict=True):
        beta = value.parameters["beta"]
        assert experiment.data.held_out == (f"beta={beta}",) and experiment.training == TRAINING
        assert beta not in data.training.parameters and folder == run / "check" / f"without_beta={beta}"
    for value, row in zip(found.left_out, found.use.rows, strict=True):
        assert value.trained == pytest.approx(row["right"]) and value.samples == row["samples"]
        assert value.ratio == value.without / value.trained
    content = json.loads((run / "check.json").read_text())["leave_one_out"]
    assert [each["ratio"] for each in content] == [value.ratio for value in found.left_out]
    assert "left out of the training" in str(found)


def test_too_few_and_too_many_values_are_not_left_out(run, trained, monkeypatch):
    for name, limit, message in (("LEAST", 4, "4 to 50"), ("MOST", 2, "4 to 2")):
        monkeypatch.setattr(leave_one_out, f"{name}_VALUES", limit)
        with pytest.raises(ValueError, match=f"needs {message} trained values, the run has 3"):
            cape.check(run, leave_one_out=True, progress=False)
    assert trained == [] and (run / "check.json").is_file()


def test_a_value_without_test_trajectories_is_named_before_anything_is_trained(run, trained, monkeypatch):
    def without_last(config, *, progress):
        data = prepare(config, progress=progress)
        return dataclasses.replace(data, test=data.test.select(data.test.parameters[:, 0] < 2))

    monkeypatch.setattr("cape.checking.check.prepare", without_last)
    with pytest.raises(
        ValueError, match="data.test: no test trajectory has beta=2.0; give a larger fraction"
    ):
        cape.check(run, leave_one_out=True, progress=False)
    assert trained == []


def test_folders_that_cannot_be_checked_are_refused(run, tmp_path):
    with pytest.raises(ValueError, match="model: expected the folder of a run, with config.json and model/"):
        cape.check(run / "model")
    split = json.loads((run / "split.json").read_text())
    (run / "split.json").write_text(json.dumps(split | {"training": split["training"][1:]}))
    with pytest.raises(ValueError, match="the data are not those it was trained on"):
        cape.check(run, progress=False)
    running = {"host": "elsewhere", "process": 1, "started": "1", "since": "now"}
    (run / "run.lock").write_text(json.dumps(running))
    with pytest.raises(FolderInUse), locked(run):
        pass
    with pytest.raises(FolderInUse):
        cape.check(run, progress=False)
    assert not (run / "check.json").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("standard_promotion")
def test_left_out_trainings_are_real_and_are_not_repeated(run):
    found = cape.check(run, leave_one_out=True, progress=False)
    records = {path: path.read_text() for path in run.glob("check/*/metrics.jsonl")}
    assert len(records) == 3
    again = cape.check(run, leave_one_out=True, progress=False)
    assert [value.without for value in again.left_out] == [value.without for value in found.left_out]
    assert all(path.read_text() == text for path, text in records.items())
