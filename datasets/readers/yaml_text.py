"""Numbers in YAML text, by their path. Some files hold parameters and statistics in this form."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

# The loader in C is about ten times faster, if PyYAML was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def numbers_of(text: str) -> dict[str, float]:
    """Flatten YAML text to its numbers: {"sim.dam_radius": 0.5}; elements of lists are "name.0", "name.1".

    `1e-3`, which is text in YAML 1.1 because it has no decimal point, is a number here; true and false are not.

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
