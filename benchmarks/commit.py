"""The commit that a measurement belongs to."""

import subprocess
from pathlib import Path


def commit() -> str:
    """Return the short name of the checked-out commit, with "-dirty" if files differ from it."""
    command = ["git", "describe", "--always", "--dirty"]
    described = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent)
    return described.stdout.strip() or "unknown"
