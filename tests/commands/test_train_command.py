"""cape train: what a run leaves, and mistakes in presets and options."""

import json

import pytest
from command_line import QUIET, fails, tree

from cape.cli import main
from cape.commands.train import DEFAULT_PRESET, presets


def test_training_leaves_a_run_with_all_it_follows_from_and_its_evaluation(tiny):
    run = tiny / "run"
    found = {path.name for path in run.iterdir()}
    assert found == {"config.json", "split.json", "metrics.jsonl", "checkpoints", "model", "evaluation"}
    assert {p.name for p in (run / "evaluation").iterdir()} == {"evaluation.json", "evaluation.csv"}
    config = json.loads((run / "config.json").read_text())
    assert config["data"]["simulation"]["frames"] == 5
    assert config["model"]["base"] == {
        "type": "fno",
        "width": 4,
        "modes": 3,
        "layers": 1,
        "projection": 4,
        "kernel": 0,
    }
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 1
    assert not list(tiny.rglob("*.part"))


def test_the_evaluation_of_a_run_has_the_documented_keys(tiny):
    content = json.loads((tiny / "run" / "evaluation" / "evaluation.json").read_text())
    assert {"metrics_version", "rows"} <= set(content)
    keys = {"parameters", "kind", "samples", "RMSE", "nRMSE", "nRMSE_median", "VRMSE", "persistence_nRMSE"}
    assert all(keys <= set(row) for row in content["rows"])
    kinds = {row["parameters"]["beta"]: row["kind"] for row in content["rows"]}
    assert kinds == {0.5: "seen", 1.0: "interpolated", 2.0: "seen"}
    assert {row["samples"] for row in content["rows"]} == {1}


def test_a_finished_run_is_evaluated_again_and_not_trained_again(tiny, run, capsys):
    before = (tiny / "run" / "model" / "weights.safetensors").stat().st_mtime_ns
    assert main(["train", str(tiny / "run" / "config.json"), "--out", run, *QUIET]) == 0
    out = capsys.readouterr().out
    assert "interpolated" in out
    assert f"evaluation.json and evaluation.csv are in {tiny / 'run' / 'evaluation'}" in out
    assert (tiny / "run" / "model" / "weights.safetensors").stat().st_mtime_ns == before


def test_the_configuration_of_a_run_repeats_it_bit_by_bit(tiny, tmp_path):
    assert main(["train", str(tiny / "run" / "config.json"), "--out", str(tmp_path), *QUIET]) == 0
    one, two = (folder / "model" / "weights.safetensors" for folder in (tiny / "run", tmp_path))
    assert one.read_bytes() == two.read_bytes()


def test_a_run_of_another_configuration_is_left_alone(tiny, run, capsys):
    before = tree(tiny)
    line = fails(capsys, "train", str(tiny / "tiny.toml"), "--out", run, "--training.batch", "7", *QUIET)
    assert "holds a run of another configuration (training.batch: 8 and 7); choose another folder" in line
    assert tree(tiny) == before


def test_a_bare_option_without_preset_means_the_default_one(capsys):
    assert main(["train", "--help"]) == 0
    out = capsys.readouterr().out
    assert f"cape train {DEFAULT_PRESET}" in out
    assert "PRESET is one of" in out
    assert main(["train", "--list"]) == 0
    assert capsys.readouterr().out.split() == sorted(presets())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--training.epochz", "3"], "Perhaps you meant"),
        (["--training.epochs", "three"], "--training.epochs"),
        (["--training.epochs", "-1"], "expected at least 0, got"),
        (["--model.base.width", "0"], "model.base: width: expected at least 1, got 0"),
        (["model.bse:fno"], "model.base:fno"),
        (["model.base:message"], "model.base:message-passing"),
        (["model.base:factorized-fno"], "model.base:factorised-fno"),
        (["model.base:convnext"], "model.base:convnext-u-net"),
    ],
)
def test_misspelt_overrides_end_with_status_2_and_what_was_expected(tiny, options, message, capsys, tmp_path):
    assert main(["train", str(tiny / "tiny.toml"), "--out", str(tmp_path / "x"), *options]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_unknown_presets_keys_and_kinds_are_refused_before_anything_is_written(tiny, capsys, tmp_path):
    out = ["--out", str(tmp_path / "x"), *QUIET]
    assert fails(capsys, "train", "smok", *out) == "no preset or file 'smok'; did you mean 'smoke'?"
    file = tmp_path / "my.toml"
    for text, message in (
        ("[trainin]\nepochs = 3", f"{file}: unknown key 'trainin'; did you mean 'training'?"),
        ("[training]\nepoch = 3", f"{file}: training: unknown key 'epoch'; did you mean 'epochs'?"),
        ("[training]\nepochs = 3.5", f"{file}: training.epochs: expected int, got 3.5"),
        (
            "[model.base]\ntype = 'u-net2'",
            f"{file}: model.base: unknown type 'u-net2'; did you mean 'u-net'?",
        ),
        ("[training]\nepochs = -1", f"{file}: training.epochs: expected at least 0, got -1"),
    ):
        file.write_text(text)
        assert fails(capsys, "train", str(file), *out) == message
    file.write_text("[training")
    assert fails(capsys, "train", str(file), *out).startswith(f"{file}: not a TOML file")
    assert list(tmp_path.iterdir()) == [file]


def test_an_interrupted_training_says_so_and_leaves_nothing_before_its_first_checkpoint(
    tiny, capsys, tmp_path, monkeypatch
):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("cape.experiment.fit", stop)
    assert main(["train", str(tiny / "tiny.toml"), "--out", str(tmp_path / "x"), *QUIET]) == 130
    assert capsys.readouterr().err.strip() == "cape train: interrupted; the same command continues the run"
    assert list(tmp_path.iterdir()) == []
