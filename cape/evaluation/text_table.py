"""A table of text cells, printed with aligned columns."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A head, rows of cells as long as the head, and optional rows of means below them.

    Attributes:
        head: of the columns.
        rows: cells as text.
        means: more rows, below a rule.
        title: the line above the table; none if empty.
        left: number of first columns that are aligned to the left.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    means: Sequence[Sequence[str]] = ()
    title: str = ""
    left: int = 0

    def __str__(self) -> str:
        lines = [self.head, *self.rows, *self.means]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        head, *texts = [
            "  ".join(
                cell.ljust(width) if i < self.left else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        ]
        rule, count = "-" * len(head), len(self.rows)
        below = [rule, *texts[count:]] if self.means else []
        title = [self.title] if self.title else []
        return "\n".join([*title, head, rule, *texts[:count], *below])


def number(value: float) -> str:
    """Format an error: four decimals, or scientific notation if it is below 0.001 or at least 1000."""
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e3 else f"{value:.2e}"
