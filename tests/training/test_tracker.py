"""Trackers: the contract, the built-in ones with fake packages, failures, and the figure in a notebook."""

import dataclasses
import json
import math
import sys
from types import SimpleNamespace

import pytest
from small_trainings import CONFIG, MODEL, TRAINING, VALIDATION, fresh

from cape.figures import live_curves
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.training import log
from cape.training.fit import fit
from cape.training.tracker import TRACKERS, Tracker, Trackers, require, run_id

RECORD = {
    "step": 4,
    "epoch": 1,
    "phase": "training",
    "loss": 0.5,
    "kept": True,
    "validation_error": float("inf"),
}
VALUES = {"epoch": 1.0, "loss": 0.5, "kept": 1.0}
SETTINGS = {"training": {"epochs": 3}, "problem": {"equation": "burgers"}}


class Recorder(Tracker):
    """Keep all calls; raise in those that `failing` names."""

    calls: list = []
    failing: set = set()

    def _note(self, name, *arguments):
        self.calls.append((name, *arguments))
        if name in self.failing:
            raise RuntimeError("no connection")

    def start(self, config, folder):
        self._note("start", config, folder)

    def log(self, step, values):
        self._note("log", step, values)

    def finish(self):
        self._note("finish")


@pytest.fixture
def recorder(monkeypatch):
    """Register `Recorder` as "recorder" for one test."""
    monkeypatch.setattr(TRACKERS, "_parts", dict(TRACKERS.parts))
    monkeypatch.setattr(Recorder, "calls", [])
    monkeypatch.setattr(Recorder, "failing", set())
    return TRACKERS.register("recorder")(Recorder)


def use(name, folder):
    with Trackers([name], SETTINGS, folder) as trackers:
        trackers.log(RECORD)
        trackers.log({"step": 8, "loss": 0.25})


def fake_package(monkeypatch, name, **content):
    package = SimpleNamespace(__spec__=object(), **content)
    monkeypatch.setitem(sys.modules, name, package)
    return package


def test_a_tracker_gets_the_settings_and_the_finite_numbers(recorder, tmp_path):
    use("recorder", tmp_path)
    assert recorder.calls == [
        ("start", SETTINGS, tmp_path),
        ("log", 4, VALUES),
        ("log", 8, {"loss": 0.25}),
        ("finish",),
    ]


@pytest.mark.parametrize(("where", "called"), [("start", 1), ("log", 2), ("finish", 4)])
def test_a_tracker_that_fails_is_warned_of_once(recorder, where, called):
    recorder.failing.add(where)
    with pytest.warns(
        UserWarning, match="'recorder' failed .RuntimeError: no connection.; the training goes on"
    ) as w:
        use("recorder", None)
    assert len(w) == 1 and len(recorder.calls) == called


@pytest.mark.usefixtures("standard_promotion")
def test_a_training_survives_its_tracker_and_tells_its_progress(recorder, tmp_path, capsys):
    recorder.failing.add("log")
    config = dataclasses.replace(CONFIG, epochs=2, warmup_epochs=0, trackers=("recorder",))
    surrogate = fresh(ModelConfig(MODEL.base, FiLMConfig(width=4)))
    with pytest.warns(UserWarning, match="goes on without it"):
        fit(surrogate, TRAINING, VALIDATION, config, tmp_path, progress=True)
    assert [record["epochs"] for record in log.read(tmp_path / log.FILE)] == [2, 2]
    assert (tmp_path / "model" / "config.json").is_file()
    (_, settings, folder), (_, step, values) = recorder.calls
    assert settings["training"]["epochs"] == 2 and settings["problem"]["equation"] == "advection"
    assert folder == tmp_path and step == 4 and {"loss", "validation_error", "seconds"} <= set(values)
    first, last = capsys.readouterr().err.splitlines()  # no terminal: lines
    assert first.startswith("epoch 1/2, loss ") and first.endswith(" left")
    assert last.startswith("epoch 2/2, loss ") and last.endswith(" %")


def test_an_unknown_tracker_and_a_missing_package_are_named(recorder, monkeypatch):
    with pytest.raises(ValueError, match="unknown tracker 'wandbb'; did you mean 'wandb'"):
        require(["wandbb"])
    monkeypatch.setattr(TRACKERS.find("wandb"), "package", "no_such_package")
    with pytest.raises(ImportError, match=r"'wandb' needs no_such_package: pip install 'cape-jax\[wandb\]'"):
        require(["recorder", "wandb"])


def test_tensorboard_writes_into_the_folder_of_the_run(monkeypatch, tmp_path):
    calls = []
    writer = SimpleNamespace(add_scalar=lambda *a: calls.append(a), close=lambda: calls.append("closed"))
    fake_package(monkeypatch, "tensorboardX", SummaryWriter=lambda folder: calls.append(folder) or writer)
    use("tensorboard", tmp_path)
    assert calls[0] == str(tmp_path / "tensorboard") and calls[-1] == "closed"
    assert ("loss", 0.5, 4) in calls and ("loss", 0.25, 8) in calls
    with pytest.warns(UserWarning, match="needs a run folder"):
        use("tensorboard", None)


def test_wandb_continues_the_record_of_a_resumed_run(monkeypatch, tmp_path):
    started, logged = [], []
    run = SimpleNamespace(
        define_metric=lambda *a, **k: None, log=logged.append, finish=lambda: logged.append("end")
    )
    fake_package(monkeypatch, "wandb", init=lambda **k: started.append(k) or run)
    use("wandb", tmp_path)
    use("wandb", tmp_path)
    assert [each["resume"] for each in started] == [None, "allow"]
    assert started[0]["id"] == started[1]["id"]
    assert started[0]["config"] == SETTINGS and started[0]["name"] == tmp_path.name
    assert logged[:3] == [{"update": 4, **VALUES}, {"update": 8, "loss": 0.25}, "end"]
    use("wandb", None)
    assert started[2]["id"] != started[0]["id"] and "dir" not in started[2]


def test_mlflow_continues_the_record_of_a_resumed_run(monkeypatch, tmp_path):
    started, logged = [], []

    def start_run(**arguments):
        started.append(arguments)
        return SimpleNamespace(info=SimpleNamespace(run_id="abc"))

    fake_package(
        monkeypatch,
        "mlflow",
        start_run=start_run,
        active_run=lambda: None,
        log_params=lambda values: logged.append(values),
        log_metrics=lambda values, step: logged.append((step, values)),
        end_run=lambda: logged.append("end"),
    )
    use("mlflow", tmp_path)
    use("mlflow", tmp_path)
    assert started == [{"run_name": tmp_path.name, "nested": False}, {"run_id": "abc", "nested": False}]
    first = [{"training.epochs": "3", "problem.equation": "burgers"}]
    again = [(4, VALUES), (8, {"loss": 0.25}), "end"]
    assert logged == first + again + again


def test_the_identity_of_a_run_is_kept_in_its_folder(tmp_path):
    identity, new = run_id("wandb", tmp_path)
    assert new and run_id("wandb", tmp_path) == (identity, False)
    assert run_id("mlflow", tmp_path, lambda: "7") == ("7", True)


def test_the_curves_in_a_notebook_are_one_figure_that_is_updated(monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(live_curves, "_SHARE", math.inf)  # draws every record, however long it takes
    shown = []
    handle = SimpleNamespace(update=lambda image: shown.append(("update", image)))
    display = SimpleNamespace(
        Image=lambda data, **_: data, display=lambda image, display_id: shown.append(("new", image)) or handle
    )
    fake_package(monkeypatch, "IPython", display=display, version_info=(9, 0))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    (tmp_path / log.FILE).write_text(json.dumps({"step": 2, "epoch": 1, "loss": 0.9}) + "\n")
    with Trackers(["notebook"], {}, tmp_path) as trackers:
        trackers.log({"step": 4, "diverged_at": 3})
        for epoch in (2, 3):
            record = {
                "step": 2 * epoch,
                "epoch": epoch,
                "loss": 1 / epoch,
                "validation_error": 0.1,
                "kept": True,
            }
            trackers.log(record)
    assert [kind for kind, _ in shown] == ["new", "update", "update"]
    assert all(image.startswith(b"\x89PNG") for _, image in shown)
    assert shown[-1] != shown[0]
