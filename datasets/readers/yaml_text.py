"""Numbers in YAML text, by their path. Some files hold parameters and statistics in this form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

# The loader in C is about ten times faster, if PyYAML was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_CHARACTERS = 2**20
DEEPEST = 32  # levels of mappings and lists
MOST_NODES = 100_000  # after aliases are replaced by what they stand for


def numbers_of_file(path: Path) -> dict[str, float]:
    """Flatten a YAML file to its numbers; see `numbers_of`.

    Raises:
        ValueError: see `numbers_of`, or the file is too large.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        return numbers_of(file.read(MOST_CHARACTERS + 1))


def numbers_of(text: str) -> dict[str, float]:
    """Flatten YAML text to its numbers: {"sim.dam_radius": 0.5}; elements of lists are "name.0", "name.1".

    `1e-3`, which is text in YAML 1.1 because it has no decimal point, is a number here; true and false are not.

    Raises:
        ValueError: the text is not YAML, not a mapping, too large or nested too deeply.
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"more than {MOST_CHARACTERS} characters of YAML, which is refused")
    try:
        _check_merges(text)
        tree = yaml.load(text, Loader=LOADER)
    except (yaml.YAMLError, OverflowError, TypeError, RecursionError) as error:
        raise ValueError(f"not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(tree, dict):
        raise ValueError(f"a {type(tree).__name__}, expected a mapping of names to values")
    return dict(_walk(tree, "", [0], 0))


def _check_merges(text: str) -> None:
    """Raise ValueError for text with merged mappings, whose number can grow exponentially while they are loaded."""
    if "<<" in text and any(
        getattr(event, "value", None) == "<<" for event in yaml.parse(text, Loader=LOADER)
    ):
        raise ValueError("YAML that merges mappings (<<), which is refused")


def _walk(node: object, path: str, count: list[int], depth: int) -> Iterator[tuple[str, float]]:
    count[0] += 1
    if count[0] > MOST_NODES or depth > DEEPEST:
        raise ValueError(f"YAML with more than {MOST_NODES} values or {DEEPEST} levels, which is refused")
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _walk(value, f"{path}.{key}" if path else str(key), count, depth + 1)
    elif isinstance(node, int | float | str) and not isinstance(node, bool):
        try:
            yield path, float(node)
        except (ValueError, OverflowError):
            return
