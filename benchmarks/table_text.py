"""Tables in pages: format numbers for them, and replace the table after a mark."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def spread(values: Sequence[float]) -> str:
    """Format values as mean ± standard deviation, or one value alone as it is."""
    text = f"{np.mean(values):.3f}"
    return text if len(values) == 1 else f"{text} ± {np.std(values, ddof=1):.3f}"


def replace_table(page: Path, mark: str, table: str) -> None:
    """Replace the table that follows a mark in a page, such as <!-- burgers conditionings -->.

    Raises:
        SystemExit: the page does not have the mark.
    """
    before, found, after = page.read_text(encoding="utf-8").partition(mark)
    if not found:
        raise SystemExit(f"{page}: expected the mark {mark} before the table; write it into the page")
    lines = after.lstrip("\n").splitlines(keepends=True)
    while lines and lines[0].startswith("|"):
        lines.pop(0)
    page.write_text(f"{before}{mark}\n{table.rstrip()}\n\n{''.join(lines).lstrip()}", encoding="utf-8")
