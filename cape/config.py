"""Configuration: frozen dataclasses to and from plain data, with a clear error for every mistake.

A setting whose type is the contract of a registry (a base solver, a curriculum, ...) holds any registered part. In
plain data it is a table with the part's name under "type": {"type": "fno", "width": 20}. A part that was registered
outside this package also carries the module that defines it, under "defined_in".
"""

import dataclasses
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cape.datasets.bounded_text import read_json, read_toml
from cape.registry import Registry, nearest, registry_of

TYPE, DEFINED_IN = "type", "defined_in"
# Names in configurations of version 0.1, for the message only.
RENAMED = {
    "kind": TYPE,
    "reach": "max_displacement",
    "normalise": "normalisation",
    "place": "position_channels",
    "own": "unshared",
    "Unaware": "unconditioned",
    "AdaGroupNorm": "adagn",
    "FNO": "fno",
    "UNet": "u-net",
    "PaperFNO": "paper-fno",
    "cut": "stop_gradient",
    "tensorboard": "trackers",
}
# Settings that are gone, which are ignored if they have this value.
REMOVED = {"tensorboard": False}


def to_dict(config: Any) -> dict[str, Any]:
    """Convert a dataclass to plain data."""
    data: dict[str, Any] = {}
    hints = typing.get_type_hints(type(config))
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        registry = registry_of(hints[field.name])
        if registry is not None:
            value = _tag(registry, type(value)) | to_dict(value)
        elif dataclasses.is_dataclass(value):
            value = to_dict(value)
        elif isinstance(value, tuple):
            value = list(value)
        data[field.name] = value
    return data


def from_dict(cls: type, data: Any, where: str) -> Any:
    """Build a dataclass from plain data; keys left out keep their defaults.

    Args:
        where: name of the source in messages, such as "burgers1d.toml".

    Raises:
        ValueError: a key is unknown (the message names the nearest one), or a value has the wrong type or is
            impossible.
    """
    try:
        return _build(cls, data, ())
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def differences(a: Any, b: Any) -> list[str]:
    """List the settings in which two configurations of one class differ, as "training.epochs: 20 and 30"."""
    flat_a, flat_b = dict(flat(to_dict(a))), dict(flat(to_dict(b)))
    keys = list(dict.fromkeys([*flat_a, *flat_b]))
    return [
        f"{key}: {flat_a.get(key, 'none')} and {flat_b.get(key, 'none')}"
        for key in keys
        if key not in flat_a or key not in flat_b or flat_a[key] != flat_b[key]
    ]


def load_toml(cls: type, path: Path) -> Any:
    """Read a preset.

    Raises:
        ValueError: the file is not TOML, or does not fit the class.
    """
    return _load(cls, path, read_toml, "a TOML file")


def load_json(cls: type, path: Path) -> Any:
    """Read a configuration that was saved with a run.

    Raises:
        ValueError: the file is not JSON, or does not fit the class.
    """
    return _load(cls, path, read_json, "a configuration file")


def _load(cls: type, path: Path, read: Callable[[Path], Any], what: str) -> Any:
    try:
        data = read(Path(path))
    except (OSError, ValueError) as error:  # errors of both parsers are ValueErrors
        raise ValueError(f"{path}: not {what} ({error})") from error
    return from_dict(cls, data, str(path))


def _tag(registry: Registry, part: type) -> dict[str, str]:
    tag = {TYPE: registry.name_of(part)}
    return tag if part.__module__.startswith("cape.") else tag | {DEFINED_IN: part.__module__}


def _build(cls: type, data: Any, path: tuple[str, ...]) -> Any:
    if not isinstance(data, Mapping):
        raise ValueError(f"{_at(path)}expected a table of settings, got {data!r}")
    hints = typing.get_type_hints(cls)
    known = [field.name for field in dataclasses.fields(cls)]
    values = {}
    for key, value in data.items():
        if key not in known and key in REMOVED and value == REMOVED[key]:
            continue
        if key not in known:
            raise ValueError(f"{_at(path)}unknown key {key!r}; {_hint(key, known)}")
        values[key] = _value(hints[key], value, (*path, key))
    try:
        return cls(**values)
    except ValueError as error:  # an impossible value
        raise ValueError(_with_path(str(error), path)) from None


def _value(hint: Any, value: Any, path: tuple[str, ...]) -> Any:
    registry = registry_of(hint)
    if registry is not None:
        return _build_part(registry, value, path)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _build(hint, value, path)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        if value not in arguments:
            raise ValueError(f"{_at(path)}got {value!r}; {_hint(value, arguments)}")
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


def _build_part(registry: Registry, value: Any, path: tuple[str, ...]) -> Any:
    """Build the registered part that `value` names. Never imports the module that `value` names."""
    names = registry.parts
    if not isinstance(value, Mapping) or TYPE not in value:
        old = f" ({_hint('kind', ())})" if isinstance(value, Mapping) and "kind" in value else ""
        raise ValueError(
            f"{_at(path)}expected a table with {TYPE} = one of {', '.join(names)}, got {value!r}{old}"
        )
    name, module = value[TYPE], value.get(DEFINED_IN)
    if not isinstance(name, str):
        raise ValueError(f"{_at(path)}expected {TYPE} = one of {', '.join(names)}, got {name!r}")
    if name not in names and module is not None:
        raise ValueError(
            f"{_at(path)}the {registry.noun} {name!r} is defined in {module}, which is not imported; if you trust it, "
            "import that module first"
        )
    if name not in names:
        raise ValueError(f"{_at(path)}unknown {TYPE} {name!r}; {_hint(name, names)}")
    settings = {key: item for key, item in value.items() if key not in (TYPE, DEFINED_IN)}
    return _build(names[name], settings, path)


def _hint(found: Any, known: Any) -> str:
    renamed = RENAMED.get(found) if isinstance(found, str) else None
    if renamed is not None and (not known or renamed in known):
        return f"it is called {renamed!r} since version 0.2"
    return nearest(found, known)


def flat(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the settings of nested dictionaries, as ("training.epochs", 20)."""
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _with_path(message: str, path: tuple[str, ...]) -> str:
    """Put the path before a message, or complete it if the message begins with the end of the path."""
    for i in range(len(path)):
        if message.startswith(".".join(path[i:]) + "."):
            return ".".join((*path[:i], message))
    return _at(path) + message


def _at(path: tuple[str, ...]) -> str:
    return f"{'.'.join(path)}: " if path else ""
