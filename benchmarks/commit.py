"""The commit that a measurement belongs to."""

import subprocess
from pathlib import Path

_RESULTS = ":(top,exclude)benchmarks/*/results/*"  # records that a study has added since


def commit() -> str:
    """Return the short name of the checked-out commit, with "-dirty" if files other than results differ from it."""
    name = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":(top)", _RESULTS)
    return f"{name or 'unknown'}{'-dirty' if changed else ''}"


def _git(*arguments: str) -> str:
    folder = Path(__file__).parent
    return subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=folder).stdout.strip()
