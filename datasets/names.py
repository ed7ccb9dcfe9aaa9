"""Names of channels and parameters, and other text from files."""

import re
from collections.abc import Sequence


def check_names(names: Sequence[str], what: str) -> None:
    """Raise ValueError unless names differ and may be parts of file names.

    Args:
        what: what the names are, for messages.
    """
    for name in names:
        if not name.strip() or not name.isprintable() or set(name) & set("/\\:") or name.startswith("."):
            raise ValueError(f"{what}: {name!r} is no name: expected letters, and neither '/', '\\' nor ':'")
    if len(set(names)) < len(names):
        raise ValueError(f"{what}: expected names that differ, got {tuple(names)}")


def printable(text: str) -> str:
    """Return text on one line, without control characters, which could command the terminal."""
    return _one_line(text).strip()


def printable_around(path: str, text: str) -> str:
    """Return text as `printable` does, but leave a path in it, which the user gave, as it is."""
    return path.join(map(_one_line, text.split(path))).strip()


def _one_line(text: str) -> str:
    return re.sub(" +", " ", "".join(c if c.isprintable() else " " for c in text))
