"""cape check, and the warnings of other commands of a surrogate that hardly depends on its parameters."""

import json
import shutil
import warnings

import pytest
from command_line import fails

from cape.cli import main
from cape.evaluation.parameter_use import ParametersIgnored


@pytest.fixture
def own_run(run, tmp_path):
    """A copy of the run, in which a check can write."""
    return str(shutil.copytree(run, tmp_path / "run"))


def test_check_prints_errors_and_a_verdict(own_run, capsys):
    assert main(["check", own_run, "--quiet"]) == 0
    *_, verdict, where = capsys.readouterr().out.splitlines()
    assert verdict.startswith("The model ") and "shuffled parameters raise the error" in verdict
    assert where == f"check.json is in {own_run}"
    with open(f"{own_run}/check.json") as file:
        content = json.load(file)
    assert content["verdict"] == verdict
    assert [row["kind"] for row in content["rows"]] == ["seen", "interpolated", "seen"]
    assert "needs 3 to 50 trained values, the run has 2" in fails(
        capsys, "check", own_run, "--leave-one-out", "--quiet"
    )
    assert "expected the folder of a run" in fails(capsys, "check", "burgers1d")


def test_evaluate_warns_of_a_surrogate_that_ignores_its_parameters(run, data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("cape.evaluation.parameter_use.OBEYS_FROM", 1e9)
    with warnings.catch_warnings():
        warnings.simplefilter("always", ParametersIgnored)
        assert main(["evaluate", run, "--data", data, "--out", str(tmp_path), "--no-figures"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert sum(line.startswith("warning: The model hardly depends on beta: ") for line in lines) == 1
