"""cape runs: the list, the comparison and the figure of runs, and folders that are skipped."""

import dataclasses
import json
import os

import pytest
from run_folders import write_run

from cape.cli import main
from cape.data import DataConfig
from cape.datasets.lock import locked
from cape.experiment import Experiment
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.runs.search import find_runs
from cape.runs.summary import read_summary
from cape.training.config import TrainingConfig

FILM = Experiment(
    DataConfig(files=("files/a.hdf5", "files/b.hdf5")),
    ModelConfig(conditioning=FiLMConfig()),
    TrainingConfig(epochs=5, warmup_epochs=0),
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder runs/ with a finished run, and one that was stopped; the current folder is its parent."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "runs" / "a", evaluated={"seen": 0.01, "unseen": 0.02})
    write_run(tmp_path / "runs" / "films" / "b", FILM, errors=(0.9, 0.1, 0.2), epochs=5)
    os.utime(tmp_path / "runs" / "a" / "metrics.jsonl", (2e9, 2e9))
    return tmp_path / "runs"


def lines_of(capsys, *arguments):
    assert main(["runs", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_runs_are_listed_with_state_errors_and_times(folder, capsys):
    head, _, first, second = lines_of(capsys)
    columns = ["run", "date", "data", "model", "state", "validation", "seen nRMSE", "unseen nRMSE", "time"]
    assert [part.strip() for part in head.split("  ") if part.strip()] == columns
    first, second = ([part.strip() for part in line.split("  ") if part.strip()] for line in (first, second))
    assert first[0] == "runs/films/b" and second[0] == "runs/a"  # the latest one last
    assert first[2:] == ["a.hdf5 and 1 more", "film, fno", "3/5 epochs", "0.2000", "-", "-", "1:30"]
    assert second[2:] == ["burgers", "cape, fno", "finished", "0.2500", "0.0100", "0.0200", "1:00"]
    assert [line.split()[0] for line in lines_of(capsys, "runs", "--sort", "name")[2:]] == [
        "runs/a",
        "runs/films/b",
    ]
    assert [line.split()[0] for line in lines_of(capsys, "--sort", "validation")[2:]] == [
        "runs/films/b",
        "runs/a",
    ]
    assert len(lines_of(capsys, "runs/a", "runs/films", "runs")) == 4  # no run twice


def test_damaged_and_other_folders_are_named_and_skipped(folder, capsys):
    for name in ("config", "log", "evaluation", "types"):
        write_run(folder / name, evaluated={"seen": 0.01})
    (folder / "config" / "config.json").write_text("{")
    (folder / "log" / "metrics.jsonl").write_text("{\n{}\n")
    (folder / "evaluation" / "evaluation" / "evaluation.json").write_text("{}")
    settings = json.loads((folder / "types" / "config.json").read_text())
    settings["training"]["epochs"] = "many"
    (folder / "types" / "config.json").write_text(json.dumps(settings))
    (folder / "notes").mkdir()
    (folder / "pretrained").mkdir()
    (folder / "pretrained" / "config.json").write_text('{"format": 3}')
    (folder / "old").mkdir()
    (folder / "old" / "config.json").write_text('{"data": {}}')
    assert main(["runs"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 4
    found = captured.err.splitlines()
    expected = [
        "skipped runs/config/config.json: damaged (",
        "skipped runs/evaluation/evaluation/evaluation.json: damaged (",
        "skipped runs/log/metrics.jsonl: line 1 is damaged",
        "skipped runs/notes: not a run (no config.json)",
        "skipped runs/old: not a run of this version (config.json lacks 'simulation')",
        "skipped runs/pretrained: a pretrained surrogate, not a run",
        "skipped runs/types/config.json: damaged (a setting has the wrong type)",
    ]
    assert len(found) == len(expected)
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True)), found


def test_two_runs_are_compared(folder, capsys):
    out = lines_of(capsys, "--compare", "runs/a", "runs/films/b")
    rows = {line.split()[0]: line.split()[1:] for line in out[2:]}
    assert rows["training.epochs"] == ["20", "5"]
    assert rows["model.conditioning.type"] == ["cape", "film"]
    assert rows["validation"] == ["0.2500", "0.2000"] and rows["time"] == ["1:00", "1:30"]
    assert rows["seen"] == ["nRMSE", "0.0100", "-"] and rows["state"] == ["finished", "3/5", "epochs"]
    assert "training.batch" not in rows
    write_run(folder / "c")
    assert "all settings are equal" in "\n".join(lines_of(capsys, "--compare", "runs/a", "runs/c"))


def test_the_states_of_a_run(folder):
    assert read_summary(folder / "a").finished
    with locked(folder / "films" / "b"):
        assert read_summary(folder / "films" / "b").state == "running, 3/5 epochs"
    assert read_summary(write_run(folder / "trained")).state == "trained"
    automatic = Experiment(training=dataclasses.replace(FILM.training, epochs=0))
    assert read_summary(write_run(folder / "new", automatic, errors=(), evaluated={})).state == "0 epochs"
    diverged = read_summary(write_run(folder / "diverged", evaluated={"seen": None, "unseen": 0.1}))
    assert diverged.errors == {"seen": float("inf"), "unseen": 0.1}


def test_the_curves_of_runs_are_drawn(folder, capsys):
    pytest.importorskip("matplotlib")
    assert lines_of(capsys, "--figure", "curves.png")[-1] == "curves.png"
    assert os.path.getsize("curves.png") > 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such folder; expected the folder of a run"),
        (["empty"], "no run in empty"),
        (["--compare", "runs/a"], "--compare: expected at least two runs"),
        (["--compare", "runs/a", "empty"], "no runs to compare in runs/a empty"),
    ],
)
def test_mistakes_end_in_one_line(folder, capsys, arguments, message):
    (folder.parent / "empty").mkdir()
    assert main(["runs", *arguments]) == 1
    assert capsys.readouterr().err.startswith(f"cape runs: {message}")


def test_listing_runs_does_not_import_jax(folder):
    assert find_runs(["runs"]).skipped == ()
    import subprocess
    import sys

    code = "import sys; from cape.cli import main; main(['runs']); assert 'jax' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
