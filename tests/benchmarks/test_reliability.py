"""Short forms of benchmarks/reliability: random damage ends in success or in an error of the package."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from small_surrogates import problem_of, surrogate_of

from cape.datasets.split_file import write_split
from cape.pretrained import load

FOLDER = Path(__file__).parents[2] / "benchmarks" / "reliability"


@pytest.fixture
def reliability(monkeypatch):
    """Make the modules of the folder importable."""
    monkeypatch.syspath_prepend(FOLDER)


@pytest.mark.thorough
def test_damaged_files_are_read_or_refused():
    command = [sys.executable, FOLDER / "fuzz.py", "--files-only", "--cases", "60", "--seed", "3"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith("60 cases in ")
    assert ended.stdout.endswith("; 0 faults\n")


@pytest.mark.thorough
def test_damaged_folders_are_loaded_or_refused(reliability, tmp_path):
    import folders
    import trial

    source = tmp_path / "source"
    surrogate_of(problem_of("burgers")).save(source)
    write_split(source, (0, 1), (2,))
    found = set()
    for seed in range(40):
        case = trial.Case("", lambda folder, n=seed: folders.mutated(n, folder, source=source), load_it)
        outcome = trial.attempt(case)
        assert outcome.outcome in trial.GOOD, (seed, outcome.detail)
        found.add(outcome.outcome)
    assert found == set(trial.GOOD)


def load_it(path):
    load(path)


@pytest.mark.parametrize(
    ("use", "outcome"),
    [
        (lambda path: None, "success"),
        (lambda path: fail(ValueError(f"{path}: damaged")), "refused"),
        (lambda path: fail(ValueError("damaged")), "foreign"),
        (lambda path: fail(ValueError(f"{path}: dam\x1baged")), "foreign"),
        (lambda path: fail(KeyError(f"{path}")), "foreign"),
        (lambda path: fail(UnicodeDecodeError("utf-8", b"", 0, 1, f"{path}")), "foreign"),
    ],
)
def test_outcomes_are_told_apart(reliability, use, outcome):
    import trial

    assert trial.attempt(trial.Case("", lambda folder: folder / "a.h5", use)).outcome == outcome
    other = trial.attempt(trial.Case("", lambda folder: folder / "a.h5", lambda path: "b", expected="a"))
    assert other.outcome == "changed"


def fail(error):
    raise error


def test_damage_is_repeatable(reliability, tmp_path):
    import mutations

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first, second = (mutations.mutated(4, tmp_path / name) for name in ("one", "two"))
    assert first.name == second.name
    assert mutations.flip(random.Random(1), b"abc") == mutations.flip(random.Random(1), b"abc")
