"""Commands that must fail with one line, and the tiny experiment they run on, for tests."""

from pathlib import Path

import numpy as np
from small_files import scalar_field

from cape.cli import main

TINY = """
[data]
held_out = ["beta=1.0"]
folder = "{folder}/data"

[data.simulation]
equation = "advection"
parameters = ["beta=0.5,1.0,2.0"]
samples = 10
resolution = 16
frames = 5
t_end = 0.4

[model.base]
type = "fno"
width = 4
modes = 3
layers = 1
projection = 4

[model.conditioning]
type = "film"
width = 4

[training]
epochs = 1
warmup_epochs = 0
batch = 8

[training.objective]
noise = 0.0

[training.optimiser]
type = "adamw"
"""

QUIET = ["--quiet", "--no-figures"]


def fails(capsys, *arguments: str) -> str:
    """Run a command that must fail with status 1 and one line; give the line without the command's name."""
    capsys.readouterr()
    assert main(list(arguments)) == 1
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if not line.startswith("warning: ")]
    assert len(lines) == 1, captured.err
    start = f"cape {arguments[0]}: "
    assert lines[0].startswith(start)
    assert captured.out == ""
    return lines[0].removeprefix(start)


def tree(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_size for p in sorted(folder.rglob("*"))}


def with_nan() -> np.ndarray:
    u = scalar_field(10, 5, 16) / 1000
    u[:, 2, 3] = np.nan
    return u
