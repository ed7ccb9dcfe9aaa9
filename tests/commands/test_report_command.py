"""cape report: from the data of a run, from given files, from a stored evaluation, and mistakes in one line."""

import json
import shutil
from pathlib import Path

import pytest
from command_line import fails

from cape.cli import main


def copied(run: str, folder: Path, **changes) -> Path:
    """Copy a run whose data are not at hand."""
    shutil.copytree(run, folder, ignore=shutil.ignore_patterns("checkpoints"))
    config = json.loads((folder / "config.json").read_text())
    config["data"] |= {"folder": str(folder / "no-data")} | changes
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_report_of_a_run_is_made_from_its_test_data(run, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert main(["report", run, "--out", str(out)]) == 0
    text = out.read_text()
    assert str(out) in capsys.readouterr().out
    assert "the test data of the run" in text and "beta=1.0" in text
    assert str(tmp_path.parent) not in text  # the page may be sent to others: no folders of this machine


@pytest.mark.thorough
def test_report_of_given_files_is_in_the_folder_of_the_run(run, data, tmp_path):
    folder = copied(run, tmp_path / "run")
    assert main(["report", str(folder), "--data", data, "--protocols"]) == 0
    assert "Evaluated on" in (folder / "report.html").read_text()


def test_report_without_data_shows_the_stored_evaluation(run, tmp_path):
    folder = copied(run, tmp_path / "run")
    assert main(["report", str(folder)]) == 0
    text = (folder / "report.html").read_text()
    assert "The data of the run are not on this machine" in text and '"fields":null' in text


def test_report_of_a_check_shows_that_the_model_ignores_its_parameters(run, tmp_path):
    folder = copied(run, tmp_path / "run")
    (folder / "check.json").write_text(
        json.dumps({"obeys": False, "verdict": "The model hardly depends on beta"})
    )
    assert main(["report", str(folder)]) == 0
    assert "<li>The model hardly depends on beta</li>" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda f: shutil.rmtree(f / "evaluation"),
            "the run was not evaluated, and its data are not on this machine",
        ),
        (lambda f: (f / "evaluation" / "evaluation.json").write_text("{"), "evaluation.json: damaged"),
        (lambda f: (f / "check.json").write_text("[]"), "check.json: damaged; run the check again"),
        (lambda f: (f / "config.json").write_text("{"), "config.json: damaged"),
        (
            lambda f: (f / "model").rename(f / "checkpoints"),
            "the run was never validated, so it has no model yet",
        ),
    ],
)
def test_report_says_what_is_missing_or_damaged(run, tmp_path, capsys, damage, message):
    folder = copied(run, tmp_path / "run")
    damage(folder)
    assert message in fails(capsys, "report", str(folder))
    assert not (folder / "report.html").exists()


@pytest.mark.thorough
def test_report_of_a_training_that_has_not_ended_says_so(run, data, tmp_path):
    folder = copied(run, tmp_path / "run")
    shutil.rmtree(folder / "evaluation")
    assert main(["report", str(folder), "--data", data]) == 0
    assert "The training is not finished (1 of 1 epochs so far)" in (folder / "report.html").read_text()


def test_report_refuses_a_folder_as_its_file(run, tmp_path, capsys):
    assert "a folder, expected the name of a file" in fails(capsys, "report", run, "--out", str(tmp_path))
