"""Fixtures of the tests of the documentation."""

import functools
import json
import shutil
import sys

import pytest

from cape import cli, experiment
from cape.commands.train import presets
from cape.config import load_toml, to_dict
from cape.locate import shipped
from cape.runs.grid import combinations


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder. The package `my_package` of the pages is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    yield tmp_path
    for name in ("my_package.parts", "my_package"):
        sys.modules.pop(name, None)


@pytest.fixture
def parsed(here, monkeypatch):
    """Commands that parse their options and then do nothing; the list of those that got so far.

    The files that commands of the pages read are there.
    """
    settings = to_dict(load_toml(experiment.Experiment, presets()["burgers1d"]))
    (here / "runs" / "mine").mkdir(parents=True)
    (here / "runs" / "mine" / "config.json").write_text(json.dumps(settings))
    shutil.copytree(shipped()["burgers1d"], here / "runs" / "mine" / "model")
    (here / "my.toml").write_text(presets()["burgers1d"].read_text())
    (here / "my_package").mkdir(exist_ok=True)
    (here / "my_package" / "parts.py").touch()
    done = []

    def run(*arguments, **settings):
        done.append("train")
        raise SystemExit(0)

    def sweep(base, grid, *arguments, **settings):
        assert combinations(base, grid)
        done.append("sweep")
        raise SystemExit(0)

    monkeypatch.setattr(experiment, "run", run)
    monkeypatch.setattr("cape.training.processes.connect", lambda *arguments: None)
    monkeypatch.setattr("cape.commands.train.dry_run", run)
    monkeypatch.setattr("cape.runs.sweep.sweep", sweep)
    for name, command in cli.COMMANDS.items():
        if name not in ("train", "sweep"):
            stub = functools.wraps(command)(lambda *a, _name=name, **k: done.append(_name))
            monkeypatch.setitem(cli.COMMANDS, name, stub)
    return done
