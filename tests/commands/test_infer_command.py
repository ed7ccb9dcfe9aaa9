"""cape infer: from files to a text, a JSON file and a figure."""

import json

import numpy as np
import pytest
from command_line import fails
from observed_trajectories import dependent_surrogate, observed

from cape.cli import main
from cape.datasets.simulate.writer import writing
from cape.pretrained import save

BETA = np.array([0.3, 0.5, 0.7])


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("model")
    save(dependent_surrogate(), folder)
    return str(folder)


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("observed") / "observed.hdf5"
    u = observed(dependent_surrogate(), BETA, noise=0.005)
    with writing(
        path,
        parameters=BETA[:, None],
        parameter_names=("beta",),
        coordinates=((np.arange(16) + 0.5) / 16,),
        times=0.1 * np.arange(u.shape[1]),
        initial_conditions=np.arange(len(BETA)),
        channel_names=("u",),
        attributes={"equation": "advection", "boundary": "periodic"},
    ) as put:
        put(slice(None), slice(None), u)
    return str(path)


def test_infer_prints_and_writes_values_intervals_and_a_figure(model, file, tmp_path, capsys):
    out = tmp_path / "found.json"
    arguments = ["infer", model, "--observed", file, "--samples", "2", "--out", str(out)]
    assert main([*arguments, "--plot"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["trajectory", "beta"] and lines[-2:] == [
        str(out),
        str(out.with_suffix(".png")),
    ]
    found = json.loads(out.read_text())["trajectories"]
    np.testing.assert_allclose([each["values"]["beta"] for each in found], BETA[:2], rtol=0.1)
    assert out.with_suffix(".png").stat().st_size > 1000
    assert "already there" in fails(capsys, *arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--plot"], "--plot draws next to the file that --out names; give --out FILE.json"),
        (["--bounds", "beta=1"], "--bounds: expected LOW:HIGH of beta, such as 0.001:1, got '1'"),
        (["--known", "beta=x"], "--known: beta: expected a number, got 'x'"),
        (["--samples", "-1"], "--samples: expected 0 (all) or more, got -1"),
        (["--noise", "0"], "noise: expected a positive standard deviation"),
    ],
)
def test_wrong_options(model, file, capsys, options, message):
    assert fails(capsys, "infer", model, "--observed", file, *options).startswith(message)


def test_an_observation_of_another_equation(file, capsys):
    assert "expected equation burgers of the surrogate, got advection" in fails(
        capsys, "infer", "burgers1d", "--observed", file
    )
