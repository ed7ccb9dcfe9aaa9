"""The command line itself: help, --import, errors in one line."""

import sys

import jax
import numpy as np
import pytest
from command_line import fails
from jax.experimental.compilation_cache import compilation_cache

import cape
from cape import cli
from cape.cli import main
from cape.commands.session import prepare_jax


def test_help_version_and_unknown_commands(capsys):
    assert main([]) == main(["--help"]) == main(["-h"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in cli.COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == cape.__version__
    assert main(["tran"]) == 2
    assert capsys.readouterr().err == "cape: unknown command 'tran'; did you mean 'train'?\n"


@pytest.mark.parametrize("command", sorted(set(cli.COMMANDS) - {"train"}))
def test_every_command_has_help(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"usage: cape {command}" in capsys.readouterr().out


def test_errors_are_one_line_however_long_and_show_where_they_arose_where_asked(monkeypatch, capsys):
    def broken(*_, **__):
        raise RuntimeError("many\nlines\n" + "and letters " * 1000)

    monkeypatch.setattr("cape.datasets.inspection.inspect", broken)
    line = fails(capsys, "inspect", "x")
    assert line.startswith("many lines and letters")
    assert len(line) < 1100
    monkeypatch.setenv("CAPE_TRACEBACK", "1")
    with pytest.raises(RuntimeError, match="many"):
        main(["inspect", "x"])


def test_a_reader_that_has_seen_enough_is_no_error(monkeypatch, capsys):
    def closed(*_, **__):
        raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", sys.stdout)  # main puts another in its place
    monkeypatch.setattr("cape.datasets.inspection.inspect", closed)
    assert main(["inspect", "x"]) == 141
    sys.stdout.close()  # the one that main has opened
    assert capsys.readouterr().err == ""


def test_compiled_programs_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    prepare_jax()
    compilation_cache.reset_cache()  # jax decides at its first program whether it keeps them

    def tripled(x):
        return 3 * x

    jax.jit(tripled)(np.float32(1))
    assert any("tripled" in path.name for path in tmp_path.iterdir())
