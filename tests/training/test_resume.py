"""Trainings that stop and continue: bitwise the weights of an uninterrupted one."""

import dataclasses
import functools
import json
import shutil
import time

import numpy as np
import pytest
from small_trainings import CONFIG, MODEL, assert_same_weights, train, weights

from cape.datasets.lock import FolderInUse
from cape.paper.adam import PaperAdam
from cape.training import attempt as fitting
from cape.training import run_output
from cape.training.checkpoint import Checkpoints
from cape.training.log import read
from cape.training.sampling import Weighted
from cape.training.validation import Validation

pytestmark = pytest.mark.usefixtures("standard_promotion", "compiled_once")


class Killed(Exception):
    pass


def killed_at(monkeypatch, validation):
    """Let a training die in its validation number `validation`, counted from 1."""
    calls = []

    class Killer(Validation):
        def __call__(self, *weights):
            calls.append(1)
            if len(calls) == validation:
                raise Killed
            return super().__call__(*weights)

    monkeypatch.setattr(fitting, "Validation", Killer)


@pytest.mark.parametrize(
    "validation", [1, pytest.param(2, marks=pytest.mark.thorough), pytest.param(10, marks=pytest.mark.slow)]
)
def test_a_training_stopped_and_resumed_is_the_same_bitwise(complete, tmp_path, monkeypatch, validation):
    with monkeypatch.context() as patched, pytest.raises(Killed):
        killed_at(patched, validation)
        train(folder=tmp_path)
    assert_same_weights(train(folder=tmp_path), complete[0])
    stopped, whole = (read(folder / "metrics.jsonl") for folder in (tmp_path, complete[1]))
    assert [{**record, "seconds": 0} for record in stopped] == [{**record, "seconds": 0} for record in whole]


@pytest.mark.parametrize(("share", "retries", "saved"), [(1e-9, 0, 2), (1e-9, 1, 12), (np.inf, 0, 12)])
def test_short_epochs_are_saved_once_in_a_while_and_at_the_end(tmp_path, monkeypatch, share, retries, saved):
    numbers = []
    monkeypatch.setattr(
        Checkpoints, "save", lambda _, number, *__: (numbers.append(number), time.sleep(1e-3))
    )
    monkeypatch.setattr(run_output, "_SHARE", share)
    train(dataclasses.replace(CONFIG, divergence_retries=retries), folder=tmp_path)
    assert len(numbers) == saved
    assert numbers[-1] == 48


def test_a_training_saves_inside_an_epoch_after_some_time_and_resumes_there_bitwise(
    complete, tmp_path, monkeypatch
):
    config, applied = dataclasses.replace(CONFIG, checkpoint_minutes=1e-9), []

    def counted(original, *arguments):
        applied.append(1)
        if len(applied) == 14:
            raise Killed
        return original(*arguments)

    for name in ("update", "warm_up_update"):
        monkeypatch.setattr(fitting, name, functools.partial(counted, getattr(fitting, name)))
    with pytest.raises(Killed):
        train(config, tmp_path)
    assert Checkpoints(tmp_path / "checkpoints").numbers() == [13, 12]
    assert_same_weights(train(CONFIG, tmp_path), complete[0])
    assert len(applied) == 14 + 48 - 13
    stopped, whole = (read(folder / "metrics.jsonl") for folder in (tmp_path, complete[1]))
    assert [{**record, "seconds": 0} for record in stopped] == [{**record, "seconds": 0} for record in whole]


@pytest.mark.thorough
def test_without_minutes_checkpoints_are_saved_at_the_ends_of_epochs_only(tmp_path, monkeypatch):
    numbers, save = [], Checkpoints.save
    monkeypatch.setattr(Checkpoints, "save", lambda *given: numbers.append(given[1]) or save(*given))
    monkeypatch.setattr(fitting.RunOutput, "minutes", 1e9)
    train(dataclasses.replace(CONFIG, epochs=3, validate_every=2, checkpoint_minutes=0.0), tmp_path)
    assert numbers == [8, 12]


def test_a_finished_training_is_not_trained_further(complete):
    assert_same_weights(train(folder=complete[1]), complete[0])
    assert len(read(complete[1] / "metrics.jsonl")) == CONFIG.epochs


def test_streaming_gives_the_same_weights_bitwise(complete):
    assert_same_weights(train(dataclasses.replace(CONFIG, storage="stream")), complete[0])


@pytest.mark.thorough
def test_a_sampling_by_the_loss_trains_and_resumes_bitwise(complete, tmp_path, monkeypatch):
    config = dataclasses.replace(CONFIG, sampling=Weighted())
    whole = train(config)
    assert not np.array_equal(*(weights(s)["conditioning.base.out.weight"] for s in (whole, complete[0])))
    with monkeypatch.context() as patched, pytest.raises(Killed):
        killed_at(patched, 12)  # it is called for losses of the training data and for validation errors
        train(config, tmp_path)
    assert_same_weights(train(config, tmp_path), whole)


@pytest.mark.parametrize(
    ("config", "model"),
    [
        (CONFIG, dataclasses.replace(MODEL, base=dataclasses.replace(MODEL.base, width=5))),
        (dataclasses.replace(CONFIG, ema=0.9), MODEL),
        (dataclasses.replace(CONFIG, optimiser=PaperAdam()), MODEL),
    ],
    ids=["wider", "averaged", "other optimiser"],
)
def test_a_checkpoint_of_another_configuration_is_named(complete, config, model):
    with pytest.raises(ValueError, match="does not fit the configured model and optimiser"):
        train(config, complete[1], model)


def test_a_folder_of_a_running_training_is_refused_and_left_as_it_is(complete):
    before = sorted(path.name for path in complete[1].iterdir())
    running = json.dumps({"host": "elsewhere", "process": 1, "started": "1", "since": "now"})
    (complete[1] / "run.lock").write_text(running)
    with pytest.raises(FolderInUse, match="already running in this folder"):
        train(folder=complete[1])
    assert (complete[1] / "run.lock").read_text() == running
    (complete[1] / "run.lock").unlink()
    train(folder=complete[1])
    assert sorted(path.name for path in complete[1].iterdir()) == before


def test_a_folder_that_vanishes_ends_the_training(tmp_path, monkeypatch):
    folder = tmp_path / "a"
    monkeypatch.setattr(fitting, "_record", lambda *_: shutil.rmtree(folder) or {"loss": 1.0})
    with pytest.raises(OSError, match="removed, moved or taken over while the training ran"):
        train(folder=folder)
    assert not folder.exists()
