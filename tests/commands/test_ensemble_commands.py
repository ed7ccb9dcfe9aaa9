"""An ensemble on the command line: train, resume, predict, export, publish, report and dry run."""

import jax
import numpy as np
import pytest
from command_line import QUIET
from exports import read
from flax import nnx

import cape
from cape.cli import main

MEMBERS = ["--model.members", "2"]


@pytest.fixture(scope="module")
def ensemble(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble") / "run"
    assert main(["train", str(tiny / "tiny.toml"), *MEMBERS, "--out", str(folder), *QUIET]) == 0
    return folder


@pytest.mark.thorough
def test_a_run_holds_all_members_and_is_evaluated(ensemble, tiny, capsys):
    assert cape.load(ensemble).members == 2
    assert (ensemble / "evaluation" / "evaluation.json").is_file()
    assert main(["train", str(tiny / "tiny.toml"), *MEMBERS, "--out", str(ensemble), *QUIET]) == 0  # resumes
    assert main(["train", str(tiny / "tiny.toml"), "--out", str(ensemble), *QUIET]) == 1
    assert "holds a run of another configuration (model.members: 2" in capsys.readouterr().err


@pytest.mark.thorough
def test_predictions_and_exports_are_the_mean_of_the_members(ensemble, data, tmp_path):
    surrogate = cape.load(ensemble)
    truth = cape.open(data)
    u0, p = truth.read()[:, 0], truth.parameters
    found = np.asarray(surrogate.rollout(u0, p, 2))
    assert main(["export", str(ensemble), "--out", str(tmp_path / "rollout"), "--steps", "2"]) == 0
    program, _ = read(tmp_path / "rollout")
    np.testing.assert_allclose(program.call(u0, p.astype(np.float32)), found, rtol=1e-5, atol=1e-6)
    out = tmp_path / "predicted.hdf5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cape.inference.predict._CHUNK_VALUES", 40)  # less than a rollout, which is not divided
        assert (
            main(["predict", str(ensemble), "--initial", data, "--out", str(out), "--steps", "2", "--quiet"])
            == 0
        )
    predicted = cape.open(out)
    for sample, frames in enumerate(predicted.read()):
        same = np.abs(u0 - frames[0]).max((1, 2)) + np.abs(p[:, 0] - predicted.parameters[sample, 0])
        np.testing.assert_allclose(frames[1:], found[same.argmin()], rtol=1e-4, atol=1e-5)


@pytest.mark.thorough
def test_an_ensemble_is_published_and_reported(ensemble, tmp_path, capsys):
    assert main(["publish", str(ensemble), "--out", str(tmp_path / "mine")]) == 0
    assert cape.load(tmp_path / "mine").members == 2
    assert main(["report", str(ensemble), "--out", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").stat().st_size > 1e4


@pytest.mark.thorough
def test_an_ensemble_is_trained_further(ensemble, tmp_path):
    further = tmp_path / "further"
    assert (
        main(["train", "--from", str(ensemble), "--training.epochs", "1", "--out", str(further), *QUIET]) == 0
    )
    first, second = (cape.load(folder).member(1) for folder in (ensemble, further))
    before, after = (nnx.state(each, nnx.Param) for each in (first, second))
    assert any(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a != b).any()), before, after)))


def test_a_dry_run_counts_the_weights_of_all_members(tiny, capsys, tmp_path):
    assert main(["train", str(tiny / "tiny.toml"), *MEMBERS, "--dry-run"]) == 0
    assert "weights to train in 2 members" in capsys.readouterr().out
