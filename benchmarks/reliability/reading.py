"""Use data files as users do: open them and read their samples, or describe them on the command line."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import warnings
from pathlib import Path

import cape
from cape.datasets.inspection import inspect

COMMAND_SECONDS = 300


def read_all(path: Path) -> str:
    """Describe a file and read all of it; return a digest of its fields, parameters, times and coordinates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inspect(path)
        data = cape.open(path)
        try:
            u = data.read()
        except ValueError as error:
            if "NaN or infinity" not in str(error):
                raise
            data = data.drop_nonfinite()
            u = data.read()
    digest = hashlib.sha256(repr((u.shape, data.parameter_names, data.channel_names)).encode())
    for array in (u, data.parameters, data.times, *data.coordinates):
        digest.update(array.tobytes())
    return digest.hexdigest()


def command(*arguments: str) -> str:
    """Run `cape`; return its output, or raise its error.

    Raises:
        ValueError: the command ended with one line and status 1.
        Traceback: anything else.
    """
    from trial import Traceback

    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    environment.pop("CAPE_TRACEBACK", None)
    program = [sys.executable, "-c", "import sys; from cape.cli import main; sys.exit(main())", *arguments]
    try:
        ended = subprocess.run(
            program, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Traceback(f"more than {COMMAND_SECONDS} s") from None
    if ended.returncode == 0:
        return ended.stdout
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("warning: ")]
    if ended.returncode == 1 and len(lines) == 1 and lines[0].startswith("cape "):
        raise ValueError(lines[0])
    raise Traceback(f"status {ended.returncode}: {ended.stderr[-200:]!r}")
