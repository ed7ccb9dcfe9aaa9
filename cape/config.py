"""Configuration: frozen dataclasses to and from plain data, strictly, with every mistake named."""

import dataclasses
import difflib
import json
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

# A union of dataclasses (which solver, which curriculum) is told by this key: {"kind": "TanhTransition", ...}
KIND = "kind"


def to_dict(config: Any) -> dict[str, Any]:
    """Turn a dataclass into plain data; members of unions carry their class name under "kind"."""
    data = {}
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            tagged = {KIND: type(value).__name__} if len(_members(hints[field.name])) > 1 else {}
            value = tagged | to_dict(value)
        elif isinstance(value, tuple):
            value = list(value)
        data[field.name] = value
    return data


def from_dict(cls: type, data: Any, where: str) -> Any:
    """Build a dataclass from plain data; keys left out keep their defaults.

    Args:
        where: name of the source in messages, such as "burgers1d.toml".

    Raises:
        ValueError: an unknown key (with the nearest known one), a wrong type or an impossible value.
    """
    try:
        return _build(cls, data, ())
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def differences(a: Any, b: Any) -> list[str]:
    """List the settings in which two configurations of one class differ, as "training.epochs: 20 and 30"."""
    flat_a, flat_b = dict(_flat(to_dict(a))), dict(_flat(to_dict(b)))
    keys = list(dict.fromkeys([*flat_a, *flat_b]))
    return [
        f"{key}: {flat_a.get(key, 'none')} and {flat_b.get(key, 'none')}"
        for key in keys
        if key not in flat_a or key not in flat_b or flat_a[key] != flat_b[key]
    ]


def nearest(found: Any, known: Iterable[Any]) -> str:
    """Phrase a hint for a misspelt name: the nearest known one, or all of them."""
    names = [str(name) for name in known]
    near = difflib.get_close_matches(str(found), names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"


def load_toml(cls: type, path: Path) -> Any:
    """Read a preset. Raises ValueError for a file that is not TOML or does not fit."""
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a TOML file ({error})") from error
    return from_dict(cls, data, str(path))


def load_json(cls: type, path: Path) -> Any:
    """Read a configuration saved with a run. Raises ValueError for a file that does not fit."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a configuration file ({error})") from error
    return from_dict(cls, data, str(path))


def _build(cls: type, data: Any, path: tuple[str, ...]) -> Any:
    if not isinstance(data, Mapping):
        raise ValueError(f"{_at(path)}expected a table of settings, got {data!r}")
    hints = typing.get_type_hints(cls)
    known = [field.name for field in dataclasses.fields(cls)]
    values = {}
    for key, value in data.items():
        if key not in known:
            raise ValueError(f"{_at(path)}unknown key {key!r}; {nearest(key, known)}")
        values[key] = _value(hints[key], value, (*path, key))
    try:
        return cls(**values)
    except ValueError as error:  # an impossible value
        raise ValueError(_placed(str(error), path)) from None


def _value(hint: Any, value: Any, path: tuple[str, ...]) -> Any:
    members = _members(hint)
    if len(members) == 1:
        return _build(members[0], value, path)
    if members:
        return _build_member(members, value, path)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        if value not in arguments:
            raise ValueError(f"{_at(path)}got {value!r}; {nearest(value, arguments)}")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{_at(path)}expected a list, got {value!r}")
        return tuple(_value(arguments[0], item, (*path, str(i))) for i, item in enumerate(value))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ValueError(f"{_at(path)}expected {hint.__name__}, got {value!r}")
    return value


def _build_member(members: tuple[type, ...], value: Any, path: tuple[str, ...]) -> Any:
    """Build the member of a union that `value` names under "kind"."""
    by_name = {member.__name__: member for member in members}
    if not isinstance(value, Mapping) or KIND not in value:
        raise ValueError(
            f"{_at(path)}expected a table with {KIND} = one of {', '.join(by_name)}, got {value!r}"
        )
    kind = value[KIND]
    if kind not in by_name:
        raise ValueError(f"{_at(path)}unknown {KIND} {kind!r}; {nearest(kind, by_name)}")
    return _build(by_name[kind], {key: item for key, item in value.items() if key != KIND}, path)


def _members(hint: Any) -> tuple[type, ...]:
    """List the dataclasses a type hint admits: one, the members of a union, or none."""
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return tuple(c for c in (typing.get_args(hint) if is_union else (hint,)) if dataclasses.is_dataclass(c))


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _placed(message: str, path: tuple[str, ...]) -> str:
    """Put the path before a message, or complete it where the message itself begins with the end of the path."""
    for i in range(len(path)):
        if message.startswith(".".join(path[i:]) + "."):
            return ".".join((*path[:i], message))
    return _at(path) + message


def _at(path: tuple[str, ...]) -> str:
    return f"{'.'.join(path)}: " if path else ""
