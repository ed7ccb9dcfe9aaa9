"""cape convert: the problem from options or files, and mistakes in one line."""

import os

import pytest
from published_weights import GIVEN, field, fno, tensors
from small_files import cell_centres, write_scalar

from cape.cli import main
from cape.commands import convert as commands
from cape.paper.conversion.architecture import Architecture
from cape.paper.conversion.torch_checkpoint import uniform_names
from cape.pretrained import load


@pytest.fixture
def torch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return pytest.importorskip("torch")


def save(torch, arrays):
    torch.save({name: torch.as_tensor(array) for name, array in arrays.items()}, "weights.pt")


@pytest.fixture
def command(monkeypatch):
    monkeypatch.setattr(commands, "prepare_jax", lambda: None)  # no cache of compiled programs for tests
    return lambda *arguments: main(["convert", "weights.pt", "--out", "model", *arguments])


GRID = ["--dt", "0.1", "--steps", "5", "--resolution", "16", "--origin", "0.03125"]


def test_the_command_takes_the_problem_from_options_or_files(torch, command, capsys, tmp_path):
    save(torch, tensors(fno(2)))
    assert command("--parameters", "Nu=0.5,2", *GRID) == 0
    assert (
        "Nu 0.5 to 2; 16 points; 5 steps of 0.1; paper-channels around paper-fno" in capsys.readouterr().out
    )
    assert load("model").problem == GIVEN.problem(Architecture.of(uniform_names(tensors(fno(2)))))
    os.rename("model", "given")
    write_scalar(tmp_path / "1D_Burgers_Sols_Nu0.5.hdf5", field(3, 5, 32), x=cell_centres(32), Nu=0.5)
    assert command("--data", "1D_Burgers_Sols_Nu0.5.hdf5", "--space-stride", "2") == 0
    assert load("model").problem.equation == "burgers"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "do not contain dt, steps, resolution, origin, parameters: give them"),
        (["--parameters", "Nu", *GRID], "--parameters: expected NAME=VALUE, such as Nu=0.01, got 'Nu'"),
        (
            ["--parameters", "Nu=a,2", *GRID],
            "--parameters: Nu: expected numbers, separated by commas, got 'a,2'",
        ),
        (["--data", "nothing.hdf5"], "nothing.hdf5"),
    ],
)
def test_the_command_names_mistakes_in_one_line(torch, command, options, message, capsys):
    save(torch, tensors(fno(2)))
    assert command(*options) == 1
    printed = capsys.readouterr().err
    assert message in printed and printed.startswith("cape convert: ") and printed.count("\n") == 1
    assert os.listdir() == ["weights.pt"]
