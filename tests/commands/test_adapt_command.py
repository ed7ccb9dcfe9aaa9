"""cape adapt: a folder like any other, and mistakes in one line before anything is written."""

import dataclasses

import numpy as np
import pytest
from adaptation_cases import NEW, diffusion, diffusion_surrogate
from command_line import fails

import cape
from cape.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::cape.out_of_distribution.OutOfDistributionWarning")


def written(data, path):
    """Write trajectories as arrays that `cape.open` reads without further options."""
    names = {name: data.parameters[:, i] for i, name in enumerate(data.parameter_names)}
    x = data.coordinates[0]
    np.savez(path, u0=data.read()[..., 0], x=x, t=data.times, **names)
    return str(path)


@pytest.fixture
def model(tmp_path):
    diffusion_surrogate().save(tmp_path / "diffusion")
    return str(tmp_path / "diffusion")


def test_a_folder_is_written_once_and_can_be_evaluated(model, tmp_path, capsys):
    data = written(diffusion([NEW], more=0.04).select(np.arange(2)), tmp_path / "few.npz")
    out = str(tmp_path / "adapted")
    assert main(["adapt", model, "--data", data, "--out", out]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    adapted = cape.load(out)
    assert adapted.adaptation.values == ((NEW,),)
    assert [stage.start for stage in adapted.lineage] == ["diffusion"]
    assert "few.npz" in adapted.lineage[0].text
    assert "already exists" in fails(capsys, "adapt", model, "--data", data, "--out", out)


def test_mistakes_are_one_line_and_write_nothing(model, tmp_path, capsys):
    good = diffusion([NEW], more=0.04, samples=5)
    out = tmp_path / "adapted"
    faster = dataclasses.replace(good, times=0.7 * good.times)
    for data, text in (
        (written(faster, tmp_path / "faster.npz"), "0.07"),
        (written(diffusion([0.004], samples=5), tmp_path / "known.npz"), "--everywhere"),
        (str(tmp_path / "missing"), "missing"),
    ):
        assert text in fails(capsys, "adapt", model, "--data", data, "--out", str(out))
        assert not out.exists()
