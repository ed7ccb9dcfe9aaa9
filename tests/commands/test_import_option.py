"""--import: parts of the user's own modules on the command line."""

import json
import sys

import pytest
from command_line import QUIET, TINY, fails

from cape.cli import main
from cape.pretrained import load
from cape.solvers.solver import SOLVERS

PARTS = '''
import dataclasses

from cape.solvers.fno import FNOConfig
from cape.solvers.solver import SOLVERS


@SOLVERS.register("{name}")
@dataclasses.dataclass(frozen=True)
class Config(FNOConfig):
    """An FNO under another name."""
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder. Modules imported from it, and their parts, are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(SOLVERS, "_parts", dict(SOLVERS.parts))
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if name.startswith("imported_"):
            del sys.modules[name]


def test_a_module_of_the_user_adds_its_parts_before_the_command(here):
    (here / "imported_parts.py").write_text(PARTS.format(name="imported-fno"))
    (here / "tiny.toml").write_text(TINY.format(folder=here).replace('"fno"', '"imported-fno"'))
    assert main(["train", "tiny.toml", "--out", "run", *QUIET, "--import", "imported_parts"]) == 0
    base = json.loads((here / "run" / "config.json").read_text())["model"]["base"]
    assert (base["type"], base["defined_in"]) == ("imported-fno", "imported_parts")
    assert type(load("run").config.base).__module__ == "imported_parts"


def test_several_modules_are_imported_in_both_spellings(here, capsys):
    for name in ("one", "two"):
        (here / f"imported_{name}.py").write_text(f"print({name!r})")
    assert main(["models", "--import", "imported_one", "--import=imported_two"]) == 0
    assert capsys.readouterr().out.startswith("one\ntwo\n")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("imported_other", "", "--import imported_absent: no such module in "),
        ("imported_absent", "import nothing_of_this_name", "the module needs 'nothing_of_this_name', which is missing"),
        ("imported_absent", "x =", "importing the module raised SyntaxError: "),
        ("imported_absent", "raise KeyError('gone')", "importing the module raised KeyError: 'gone'"),
    ],
)  # fmt: skip
def test_a_module_that_cannot_be_imported_is_one_line(here, name, content, message, capsys):
    (here / f"{name}.py").write_text(content)
    assert message in fails(capsys, "models", "--import", "imported_absent")


@pytest.mark.parametrize("arguments", [["--import"], ["--import="], ["--import", "--quiet"]])
def test_an_import_without_a_module_is_named(arguments, capsys):
    line = fails(capsys, "train", *arguments)
    assert line == "--import: expected the name of a module, such as my_package.parts"


def test_help_explains_the_option(capsys):
    assert main(["--help"]) == main(["evaluate", "--help"]) == main(["train", "--help"]) == 0
    assert capsys.readouterr().out.count("--import MODULE") == 3
