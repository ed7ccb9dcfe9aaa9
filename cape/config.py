"""Configuration: frozen dataclasses to and from plain data, strictly, with every mistake named."""

import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Mapping
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
        where: name of the place in messages, such as "burgers1d.toml: training".

    Raises:
        ValueError: an unknown key (with the nearest known one), a wrong type or an impossible value.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"{where}: expected a table of settings, got {data!r}")
    hints = typing.get_type_hints(cls)
    known = [field.name for field in dataclasses.fields(cls)]
    values = {}
    for key, value in data.items():
        if key not in known:
            raise ValueError(f"{where}: unknown key {key!r}{_nearest(key, known)}")
        values[key] = _value(hints[key], value, f"{where}.{key}")
    return cls(**values)


def load_toml(cls: type, path: Path) -> Any:
    """Read a preset. Raises ValueError for a file that is not TOML or does not fit."""
    import tomllib

    try:
        data = tomllib.loads(Path(path).read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a TOML file ({error})") from error
    return from_dict(cls, data, Path(path).name)


def load_json(cls: type, path: Path) -> Any:
    """Read a configuration saved with a run. Raises ValueError for a file that does not fit."""
    try:
        data = json.loads(Path(path).read_text())
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a configuration file ({error})") from error
    return from_dict(cls, data, Path(path).name)


def _value(hint: Any, value: Any, where: str) -> Any:
    members = _members(hint)
    if members:
        if len(members) == 1:
            return from_dict(members[0], value, where)
        names = [member.__name__ for member in members]
        kind = value.get(KIND) if isinstance(value, Mapping) else None
        if kind not in names:
            raise ValueError(
                f"{where}: expected {KIND} = one of {names}, got {kind!r}{_nearest(str(kind), names)}"
            )
        rest = {key: item for key, item in value.items() if key != KIND}
        return from_dict(members[names.index(kind)], rest, where)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        if value not in arguments:
            raise ValueError(
                f"{where}: expected one of {list(arguments)}, got {value!r}{_nearest(value, arguments)}"
            )
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where}: expected a list, got {value!r}")
        return tuple(_value(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ValueError(f"{where}: expected a table, got {value!r}")
        return {key: _value(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin in (typing.Union, types.UnionType):  # only X | None is left
        if value is None:
            return None
        return _value(next(a for a in arguments if a is not type(None)), value, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ValueError(f"{where}: expected {hint.__name__}, got {value!r}")
    return value


def _members(hint: Any) -> tuple[type, ...]:
    """List the dataclasses a type hint admits: one, the members of a union, or none."""
    candidates = (
        typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    )
    return tuple(c for c in candidates if dataclasses.is_dataclass(c))


def _nearest(found: Any, known) -> str:
    near = difflib.get_close_matches(str(found), list(map(str, known)), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {list(known)}"
