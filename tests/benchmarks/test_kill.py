"""The harness that kills trainings: some kills, and what it reports."""

import json

import pytest
from reliability import kill


@pytest.mark.slow
def test_killed_trainings_end_as_uninterrupted_ones(tmp_path, monkeypatch, capsys):
    records = tmp_path / "kills.jsonl"
    monkeypatch.setattr("sys.argv", ["kill.py", "--kills", "4", "--records", str(records)])
    assert kill.main() == 0
    assert "bitwise the same weights" in capsys.readouterr().out
    found = kill.read(records)
    assert sum(len(each["killed"]) for each in found) >= 4
    assert all(each["differs"] == [] for each in found)


def test_differences_are_named():
    whole = {"weights": b"1", "log": [{"step": 1}], "evaluation": "a", "files": ["run", "run/model"]}
    assert kill.differences(whole, whole) == []
    assert kill.differences(whole | {"weights": b"2", "files": ["run", "run/.left"]}, whole) == [
        "weights",
        "run/.left",
        "run/model",
    ]


def test_the_summary_counts_kills_and_names_chains_that_differ(tmp_path, capsys):
    chains = [
        {"chain": 0, "variant": "streamed", "killed": ["simulating", "compiling"], "differs": []},
        {"chain": 1, "variant": "two devices", "killed": ["training"], "differs": ["log"]},
    ]
    records = tmp_path / "kills.jsonl"
    records.write_text("".join(json.dumps(each) + "\n" for each in chains))
    kill.summarise(kill.read(records))
    out = capsys.readouterr().out
    assert "2 of 3 kills, in 2 chains" in out
    assert "chain 1 (two devices): log" in out
