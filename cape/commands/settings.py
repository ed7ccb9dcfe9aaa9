"""Settings on the command line: configurations in which every registered part can be chosen by name."""

import dataclasses
import typing
from collections.abc import Collection
from typing import Annotated, Any, Union

import tyro

from cape.registry import Registry, registry_of


def with_choices(config: Any, hidden: Collection[str] = ()) -> Any:
    """Return an equal configuration whose type lets tyro choose between all registered parts.

    tyro chooses between the members of a union. A setting whose type is the contract of a registry therefore becomes a
    union of all registered parts, in a subclass of the configuration's class. See `without_choices`.

    Args:
        hidden: names of settings that are no options; they keep their values.
    """
    cls, values = type(config), {}
    hints: dict[str, Any] = typing.get_type_hints(cls)
    chosen: dict[str, Any] = {}
    suppress: Any = tyro.conf.Suppress  # of a type that is known at run time only
    for field in dataclasses.fields(cls):
        value, registry = getattr(config, field.name), registry_of(hints[field.name])
        if field.name in hidden:
            chosen[field.name] = suppress[hints[field.name]]
        elif registry is not None:
            chosen[field.name] = _union(registry)
        elif dataclasses.is_dataclass(value):
            value = with_choices(value)
            chosen[field.name] = type(value)
        values[field.name] = value
    body = {"__annotations__": chosen, "__doc__": cls.__doc__, "__module__": cls.__module__}
    body |= {name: dataclasses.field(default=values[name]) for name in chosen}
    extended: Any = type(cls.__name__, (cls, _WithChoices), body)
    return dataclasses.dataclass(frozen=True)(extended)(**values)


def without_choices(config: Any) -> Any:
    """Convert what `with_choices` returned, or tyro made of it, to the original class."""
    if not isinstance(config, _WithChoices):
        return config
    original = type(config).__mro__[1]
    names = [field.name for field in dataclasses.fields(original)]
    return original(**{name: without_choices(getattr(config, name)) for name in names})


class _WithChoices:
    """Marks the classes that `with_choices` makes."""


def _union(registry: Registry) -> Any:
    parts = tuple(
        Annotated[part, tyro.conf.subcommand(name, prefix_name=True)] for name, part in registry.parts.items()
    )
    return Union[parts]  # noqa: UP007 (the members are known at run time only)
