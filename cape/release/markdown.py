"""Pieces of Markdown for model cards: tables, enumerations, ordinals."""

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows of cells as a table; the first row is the head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


def enumeration(names: Sequence[str]) -> str:
    """Join names as in a sentence: "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def ordinal(n: int) -> str:
    """Write a number as "2nd", "3rd", "4th"; for the strides of data, which are small."""
    return f"{n}{ {2: 'nd', 3: 'rd'}.get(n, 'th') }"
