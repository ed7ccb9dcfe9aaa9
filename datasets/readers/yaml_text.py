"""Numbers in YAML text, by their path. Some files hold parameters and statistics in this form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

# The loader in C is about ten times faster, if PyYAML was built with it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CONSTRUCTOR = yaml.constructor.SafeConstructor()
TAGS = ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "binary")
NAMES = {"seq": "a list", "null": "null"}
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
        tree = yaml.compose(text, Loader=LOADER)
        tag = _tag(tree) if tree else "text without values"
        if tag != "map":
            raise ValueError(f"{NAMES.get(tag, tag)}, expected a mapping of names to values")
        return dict(_walk(tree, "", [0], 0))
    except (yaml.YAMLError, OverflowError, TypeError, RecursionError, UnicodeError) as error:
        raise ValueError(f"not YAML ({' '.join(str(error).split())})") from error


def _check_merges(text: str) -> None:
    """Raise ValueError for text with merged mappings, whose number can grow exponentially while they are loaded."""
    if "<<" in text and any(
        getattr(event, "value", None) == "<<" for event in yaml.parse(text, Loader=LOADER)
    ):
        raise ValueError("YAML that merges mappings (<<), which is refused")


def _walk(node: yaml.Node, path: str, count: list[int], depth: int) -> Iterator[tuple[str, float]]:
    """Yield the numbers of a tree of nodes. Python objects, which take longer, are made of numbers only."""
    count[0] += 1
    if count[0] > MOST_NODES or depth > DEEPEST:
        raise ValueError(f"YAML with more than {MOST_NODES} values or {DEEPEST} levels, which is refused")
    tag = _tag(node)
    if tag == "map":
        entries = [(_name(key), value) for key, value in node.value]
    elif tag == "seq":
        entries = [(str(i), value) for i, value in enumerate(node.value)]
    else:
        value = _number(node, tag)
        if value is not None:
            yield path, value
        return
    for key, value in dict(entries).items():
        yield from _walk(value, f"{path}.{key}" if path else key, count, depth + 1)


def _name(key: yaml.Node) -> str:
    if not isinstance(key, yaml.ScalarNode):
        raise yaml.MarkedYAMLError(None, None, "a list or mapping instead of a name", key.start_mark)
    return key.value


def _number(node: yaml.ScalarNode, tag: str) -> float | None:
    """Return the value of a number, or of a text that is one; None for all else.

    Raises:
        YAMLError: the text is not what its tag says.
    """
    if tag == "str":
        try:
            return float(node.value)
        except ValueError:
            return None
    if tag not in ("int", "float"):
        return None
    try:
        return float(CONSTRUCTOR.construct_object(node))
    except OverflowError:
        return None
    except (ValueError, IndexError) as error:
        raise yaml.MarkedYAMLError(None, None, str(error), node.start_mark) from error


def _tag(node: yaml.Node) -> str:
    """Return the type of a node: map, seq, str, int, float, bool, null, timestamp or binary.

    Raises:
        YAMLError: the node has another tag, or a tag that does not fit its form.
    """
    tag = node.tag.removeprefix("tag:yaml.org,2002:")
    forms = {"map": yaml.MappingNode, "seq": yaml.SequenceNode}
    if tag not in TAGS or not isinstance(node, forms.get(tag, yaml.ScalarNode)):
        raise yaml.MarkedYAMLError(None, None, f"unknown tag {node.tag!r}", node.start_mark)
    return tag
