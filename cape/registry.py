"""Registries: the parts that configurations and the command line refer to by name.

Base solvers, conditionings, normalisations, curricula, samplings, optimisers, metrics, readers and equations are
parts. Each kind of part has a contract (a base class) and a registry beside it. Classes and objects are registered:

    @SOLVERS.register("my-solver")
    @dataclasses.dataclass(frozen=True)
    class MySolverConfig(SolverConfig): ...

    METRICS.add(Metric("my_error", ...))

A package of yours can do the same. Its parts are known from the moment its module is imported.
"""

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

Part = TypeVar("Part")
_REGISTRIES: dict[type, "Registry"] = {}


class Registry(Generic[Part]):
    """Parts of one kind by name.

    Args:
        noun: what a part is called in messages, such as "base solver".
        contract: the class that parts derive from (registered classes) or are instances of (registered objects).
        modules: where the parts of this package are: modules, or packages whose modules are all searched. They are
            imported when a part is first looked up.
    """

    def __init__(self, noun: str, contract: type, modules: Iterable[str]):
        self.noun, self.contract = noun, contract
        self._parts: dict[str, Part] = {}
        self._origins: dict[str, str] = {}  # module and name of the definition
        self._unread = list(modules)
        _REGISTRIES[contract] = self

    def register(self, name: str) -> Callable[[Part], Part]:
        """Return a decorator that adds a class under `name` and gives it back unchanged.

        Raises:
            ValueError: the class does not meet the contract, or another part has the name.
        """

        def decorate(part: Part) -> Part:
            module = getattr(part, "__module__", "")
            return self._add(name, part, module, getattr(part, "__qualname__", name))

        return decorate

    def add(self, part: Part) -> Part:
        """Add an object under its `name` and give it back. Its attribute `defined_in` names the module it comes from.

        Raises:
            ValueError: the object does not meet the contract, or another part has the name.
        """
        name = str(getattr(part, "name", part))
        return self._add(name, part, getattr(part, "defined_in", ""), name)

    def _add(self, name: str, part: Part, module: str, defined_as: str) -> Part:
        if not module.startswith("cape."):
            _ = self.parts  # the parts of this package come first, so that a name they have counts as taken
        meets = issubclass(part, self.contract) if isinstance(part, type) else isinstance(part, self.contract)
        if not meets:
            raise ValueError(
                f"{self.noun} {name!r}: expected a {self.contract.__name__} (see {self.contract.__module__}), got "
                f"{part!r}"
            )
        missing = sorted(getattr(part, "__abstractmethods__", ()))
        if missing:
            raise ValueError(
                f"{self.noun} {name!r}: {part!r} lacks {', '.join(missing)}, which the contract asks for"
            )
        origin = f"{module}.{defined_as}"
        if name in self._parts and self._origins[name] != origin:
            raise ValueError(
                f"{self.noun} {name!r}: the name is taken by {self._origins[name]}; choose another name"
            )
        # A notebook cell that is run again has the same origin, and its part replaces the first one.
        self._parts[name], self._origins[name] = part, origin
        return part

    def find(self, name: str) -> Part:
        """Return the part of this name.

        Raises:
            ValueError: there is none; the message names the nearest one.
        """
        parts = self.parts
        if name not in parts:
            raise ValueError(
                f"unknown {self.noun} {name!r}; {nearest(name, parts)} (a part of your own is known once the module "
                "that registers it is imported)"
            )
        return parts[name]

    def name_of(self, part: Any) -> str:
        """Return the name a part is registered under.

        Raises:
            ValueError: it is not registered.
        """
        for name, known in self.parts.items():
            if known is part:
                return name
        raise ValueError(
            f"{part!r} is not registered as a {self.noun}; register it under a name, as docs/extending.md shows"
        )

    @property
    def parts(self) -> Mapping[str, Part]:
        """All parts by name; imports the modules of this package that have not been searched yet."""
        for name in list(self._unread):
            for module in _modules(name):
                importlib.import_module(module)
            if name in self._unread:  # an import may have searched it already
                self._unread.remove(name)
        return self._parts


def registry_of(contract: Any) -> Registry | None:
    """Return the registry whose parts meet this contract, or None."""
    return _REGISTRIES.get(contract) if isinstance(contract, type) else None


def module_of(function: Any) -> str:
    """Return the name of the module that defines a function, also of one wrapped by `functools.partial`."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__module__", "")


def nearest(found: Any, known: Iterable[Any]) -> str:
    """Phrase a hint for a misspelt name: the nearest known one, or all of them."""
    names = [str(name) for name in known]
    near = difflib.get_close_matches(str(found), names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}"


def _modules(name: str) -> Iterator[str]:
    """Yield a module, and the modules directly inside it if it is a package."""
    yield name
    path = getattr(importlib.import_module(name), "__path__", None)
    if path is not None:
        yield from (f"{name}.{found.name}" for found in pkgutil.iter_modules(path) if not found.ispkg)
