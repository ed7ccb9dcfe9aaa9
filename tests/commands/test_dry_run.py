"""cape train --dry-run: what a training costs, and nothing is written."""

import re

import pytest
from command_line import TINY

from cape.cli import main
from cape.training.config import TrainingConfig
from cape.training.cost import Cost, describe_settings


@pytest.mark.usefixtures("standard_promotion")
def test_a_dry_run_prints_the_cost_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(TINY.format(folder=tmp_path))
    assert main(["train", "tiny.toml", "--dry-run"]) == 0
    output = capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]
    weights = int(re.search(r"([\d,]+) weights to train", output)[1].replace(",", ""))
    assert re.search(rf"^weights +{weights:,}$", output, re.MULTILINE)
    assert re.search(r"^memory of a device +[\d.]+ MB \(training data", output, re.MULTILINE)
    assert re.search(r"^an update +[\d.e-]+ s on 1 device\(s\)", output, re.MULTILINE)
    assert re.search(r"^2 updates +0:\d\d, and validations", output, re.MULTILINE)


def test_the_memory_of_a_device_is_the_sum_of_its_parts():
    text = str(Cost(1000, 2, 5_000_000, 1_000_000, 3_000_000, 1.5, 0.25, 480))
    assert "memory of a device    9.0 MB (training data 5.0 MB" in text
    assert "480 updates           2:00, and" in text
    assert "precision" not in text


def test_settings_of_memory_and_precision_are_named():
    config = TrainingConfig(accumulate=4, products="bfloat16")
    text = str(Cost(1000, 2, 5_000_000, 1_000_000, 3_000_000, 1.5, 0.25, 480, describe_settings(config)))
    line = "a batch in 4 parts, matrix products in bfloat16"
    assert f"memory and precision  {line}\n" in text
