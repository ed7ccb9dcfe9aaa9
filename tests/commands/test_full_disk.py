"""Commands whose output does not fit on the disk: one line, status 1, nothing half-written, nothing left behind."""

import jax
import pytest
from command_line import tree

from cape.cli import main

resource = pytest.importorskip("resource")  # limits the size of a file, which fails like a full disk


@pytest.fixture
def limited():
    """Set the size that no written file may exceed. JAX keeps no compiled programs then, for they would be cut off."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    jax.config.update("jax_enable_compilation_cache", False)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    jax.config.update("jax_enable_compilation_cache", True)


def fails(capsys, arguments: list[str]) -> str:
    """Run a command that must fail; return its only line of errors. It may have printed results."""
    assert main(arguments) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("warning: ")]
    assert len(lines) == 1, lines
    return lines[0]


COMMANDS = {
    "simulate": [
        "simulate",
        "advection",
        "--parameter",
        "beta=1,2",
        "--samples",
        "4",
        "--quiet",
        "--out",
        "{out}/s",
    ],
    "predict": [
        "predict",
        "{run}",
        "--initial",
        "{data}",
        "--steps",
        "4",
        "--quiet",
        "--out",
        "{out}/new/p.hdf5",
    ],
    "evaluate": ["evaluate", "{run}", "--data", "{data}", "--no-figures", "--out", "{out}/e"],
    "publish": ["publish", "{run}", "--out", "{out}/published"],
    "export": ["export", "{run}", "--steps", "2", "--out", "{out}/e.stablehlo"],
}


@pytest.mark.parametrize("size", [0, 1000])
@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_left_of_what_does_not_fit(command, size, run, data, limited, capsys, tmp_path):
    given = [word.format(run=run, data=data, out=tmp_path / "out") for word in COMMANDS[command]]
    (tmp_path / "out").mkdir()
    before = tree(tmp_path)
    limited(size)
    line = fails(capsys, given)
    assert "File too large" in line and str(tmp_path / "out") in line and ".partial" not in line
    assert tree(tmp_path) == before


def test_figures_that_do_not_fit_leave_the_numbers(run, data, limited, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    limited(15_000)
    line = fails(capsys, ["evaluate", run, "--data", data, "--out", str(tmp_path / "e")])
    assert "File too large" in line and ".png" in line and ".partial" not in line
    left = sorted(path.name for path in (tmp_path / "e").iterdir())
    assert {"evaluation.csv", "evaluation.json"} <= set(left) and not any(
        name.startswith(".") for name in left
    )
