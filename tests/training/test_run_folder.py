"""The folder of a run: claimed by one configuration, and removed if nothing was trained."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from small_data import advection

from cape.data import DataConfig
from cape.datasets.fields import whole
from cape.datasets.split_file import read_split
from cape.datasets.stores import MemoryStore
from cape.datasets.trajectories import Trajectories
from cape.experiment import Experiment
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.solvers.fno import FNOConfig
from cape.training import log
from cape.training.config import TrainingConfig
from cape.training.run_folder import abandon, claim, refuse_other

SMALL = ModelConfig(FNOConfig(width=4, modes=3, layers=1, projection=4), FiLMConfig(width=4))


def with_a_checkpoint(folder: Path) -> Path:
    (folder / "checkpoints" / "1").mkdir(parents=True)
    return folder


def some_data() -> tuple[Trajectories, Trajectories]:
    whole = advection([1.0, 2.0, 3.0, 4.0])
    return whole.select([0, 3]), whole.select([1])


def test_a_run_claims_its_folder_and_may_claim_it_again(tmp_path):
    experiment, folder = Experiment(model=SMALL), tmp_path / "runs" / "a"
    claim(experiment, *some_data(), folder)
    assert json.loads((folder / "config.json").read_text())["model"]["base"]["width"] == 4
    split = json.loads((folder / "split.json").read_text())
    assert (split["training"], split["validation"]) == ([0, 3], [1])
    assert len(set(split["fingerprints"])) == 2
    claim(experiment, *some_data(), with_a_checkpoint(folder))
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoints", "config.json", "split.json"]
    assert read_split(folder) == (0, 1, 3)


def test_a_folder_of_another_configuration_is_refused_with_what_differs(tmp_path):
    claim(Experiment(model=SMALL), *some_data(), with_a_checkpoint(tmp_path))
    before = (tmp_path / "config.json").read_text()
    other = Experiment(model=SMALL, training=TrainingConfig(epochs=7))
    for refused in (lambda: claim(other, *some_data(), tmp_path), lambda: refuse_other(other, tmp_path)):
        with pytest.raises(ValueError, match=r"another configuration \(training\.epochs: 20 and 7\); choose"):
            refused()
    assert (tmp_path / "config.json").read_text() == before
    with pytest.raises(ValueError, match="and [0-9]+ more"):
        refuse_other(Experiment(DataConfig(samples=3)), tmp_path)


def test_settings_on_which_the_weights_do_not_depend_may_change(tmp_path):
    claim(Experiment(model=SMALL), *some_data(), with_a_checkpoint(tmp_path))
    other = Experiment(
        model=SMALL,
        training=TrainingConfig(checkpoint_minutes=1.0, divergence_retries=3, trackers=("tensorboard",)),
    )
    claim(other, *some_data(), tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["training"]["divergence_retries"] == 3


def test_files_may_have_moved_unless_the_folder_does_not_record_their_content(tmp_path):
    before, after = (Experiment(DataConfig(files=(name,)), model=SMALL) for name in ("a.hdf5", "b/c.hdf5"))
    claim(before, *some_data(), with_a_checkpoint(tmp_path))
    claim(after, *some_data(), tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["data"]["files"] == ["b/c.hdf5"]
    (tmp_path / "split.json").write_text('{"training": [0, 3], "validation": [1]}')
    with pytest.raises(ValueError, match=r"another configuration \(data\.files: "):
        refuse_other(before, tmp_path)
    claim(after, *some_data(), tmp_path)  # a folder of an older version goes on


@pytest.mark.parametrize("part", [0, 1], ids=["training", "validation"])
@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.select([0]) if data.samples > 1 else data.select([0, 0]),
        lambda data: dataclasses.replace(data, parameters=data.parameters + 1e-9),
        lambda data: dataclasses.replace(data, times=2 * data.times),
        lambda data: dataclasses.replace(data, initial_conditions=data.initial_conditions + 10),
        lambda data: with_fields(data, lambda u: np.concatenate([u[:, :-1], u[:, -1:] + 1e-6], 1)),
        lambda data: with_fields(data, lambda u: np.concatenate([u[:, :1] + 1e-6, u[:, 1:]], 1)),
    ],
    ids=["samples", "values", "times", "initial conditions", "last frames", "first frames"],
)
def test_a_run_is_not_resumed_on_other_data(tmp_path, part, change):
    experiment, data = Experiment(model=SMALL), list(some_data())
    claim(experiment, *data, with_a_checkpoint(tmp_path))
    before = (tmp_path / "split.json").read_text()
    data[part] = change(data[part])
    with pytest.raises(
        ValueError, match="holds a run that was started on other data .*choose another folder"
    ):
        claim(experiment, *data, tmp_path)
    assert (tmp_path / "split.json").read_text() == before


def with_fields(data: Trajectories, change) -> Trajectories:
    return dataclasses.replace(data, fields=whole(MemoryStore(change(data.read()))))


def test_a_folder_in_which_nothing_was_trained_may_be_claimed_anew(tmp_path):
    claim(Experiment(model=SMALL), *some_data(), tmp_path)
    other = Experiment(model=SMALL, training=TrainingConfig(epochs=7))
    claim(other, *some_data(), tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["training"]["epochs"] == 7


def test_a_damaged_configuration_is_refused(tmp_path):
    (with_a_checkpoint(tmp_path) / "config.json").write_text('{"training":')
    with pytest.raises(ValueError, match=r"config\.json: not a configuration file"):
        refuse_other(Experiment(), tmp_path)


def test_a_run_that_stopped_before_its_first_checkpoint_leaves_nothing(tmp_path):
    folder = tmp_path / "a"
    claim(Experiment(), *some_data(), folder)
    (folder / "metrics.jsonl").touch()
    (folder / "checkpoints" / "1.orbax-checkpoint-tmp").mkdir(parents=True)
    abandon(folder)
    assert not folder.exists()
    claim(Experiment(), *some_data(), folder)
    (folder / "notes.txt").write_text("mine")
    abandon(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    claim(Experiment(), *some_data(), with_a_checkpoint(folder))
    abandon(folder)
    assert (folder / "config.json").exists()


@pytest.mark.parametrize("line", ["{", "[]", '{"loss": 1}', "[" * 1000, "\xff"])
def test_a_damaged_line_of_the_log_is_named_unless_it_is_the_last(tmp_path, line):
    file, good = tmp_path / "metrics.jsonl", '{"step": 1, "loss": 0.5}\n'
    file.write_text(good + line)
    assert log.read(file) == [{"step": 1, "loss": 0.5}]
    file.write_text(good + line + "\n" + good, encoding="latin-1")
    with pytest.raises(ValueError, match=r"metrics.jsonl: line 2 is damaged .*; remove it"):
        log.read(file)
