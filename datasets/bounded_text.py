"""Read JSON and TOML files of unknown origin. Their size and nesting are bounded before they are parsed."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

MOST_BYTES = 4 * 2**20
DEEPEST = 64  # levels of tables and lists
# Texts, whose brackets do not count, and brackets. A text without an end is matched too, as searching again from each
# quotation mark in it would take time in proportion to the square of its length.
_TOKENS = re.compile(r""""(?:[^"\\\n]|\\.)*+"?|'[^'\n]*+'?|[\[\]{}]""")


def read_json(path: Path, most_bytes: int = MOST_BYTES) -> Any:
    """Read a JSON file.

    Raises:
        ValueError: it is no regular file, too large, nested too deeply, repeats a key, or is not JSON in UTF-8.
        OSError: it cannot be read.
    """
    return parse_json(_read(path, most_bytes))


def read_toml(path: Path, most_bytes: int = MOST_BYTES) -> Any:
    """Read a TOML file; errors as in `read_json`."""
    text = _read(path, most_bytes)
    _check_nesting(text)
    try:
        data = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply, which is refused") from error
    _check_tables(data)
    return data


def parse_json(text: str) -> Any:
    """Parse JSON text; errors as in `read_json`."""
    _check_nesting(text)
    try:
        return json.loads(text, object_pairs_hook=_without_repetition)
    except RecursionError as error:
        raise ValueError("nested too deeply, which is refused") from error


def read_bytes(path: Path, most_bytes: int) -> bytes:
    """Read a regular file of at most `most_bytes`; errors as in `read_json`."""
    if path.exists() and not path.is_file():
        raise ValueError("not a regular file")
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"more than {most_bytes} bytes, which is refused")
    return content


def _read(path: Path, most_bytes: int) -> str:
    content = read_bytes(path, most_bytes)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not text in UTF-8 ({error.reason} at byte {error.start})") from error


def _check_nesting(text: str) -> None:
    depth = 0
    for token in _TOKENS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > DEEPEST:
            raise ValueError(f"nested more than {DEEPEST} levels deep, which is refused")


def _check_tables(data: dict[str, Any]) -> None:
    """Raise ValueError if tables are nested too deeply by keys such as a.b.c, which have no brackets."""
    level: list[Any] = [data]
    for _ in range(DEEPEST + 1):
        level = [value for table in level for value in table.values() if isinstance(value, dict)]
    if level:
        raise ValueError(f"keys of more than {DEEPEST} levels, which is refused")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name!r} is repeated")
        found[name] = value
    return found
