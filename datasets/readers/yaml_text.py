"""Numbers in YAML text, by their path: what parameters and statistics are kept in by some files."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

# The same safe rules; the loader made of C is about ten times faster, where PyYAML was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def numbers_of(text: str) -> dict[str, float]:
    """Flatten YAML text to its numbers: {"sim.dam_radius": 0.5}; lists count as "name.0", "name.1".

    `1e-3`, which YAML 1.1 takes as text for want of a decimal point, counts as a number; true and false do not.

    Raises:
        ValueError: the text is not YAML, or not a mapping.
    """
    try:
        tree = yaml.load(text, Loader=LOADER)
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(tree, dict):
        raise ValueError(f"a {type(tree).__name__}, expected a mapping of names to values")
    return dict(_walk(tree, ""))


def _walk(node: object, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _walk(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, int | float | str) and not isinstance(node, bool):
        try:
            yield path, float(node)
        except ValueError:
            return
