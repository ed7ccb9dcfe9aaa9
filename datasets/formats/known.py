"""What is known of a file of arrays: its fields, the meaning of their axes, and the questions that are left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cape.datasets.formats.array_file import ArrayFile, Contents, is_number, shape_of
from cape.datasets.formats.description import Description, Place
from cape.datasets.formats.question import BLANK, Unanswered
from cape.datasets.formats.words import SPACE

_ORDER = ("fields", "axes", "channels", "parameters", "table", "dt", "times", "dx", "coordinates")


@dataclass
class Known:
    """What is known of a file of arrays.

    Attributes:
        fields: the arrays that hold the fields; () if unknown.
        axes: the word for each of their axes, or None for one that is unknown.
        missing: what has to be asked for, one phrase each.
        call: the arguments of `cape.open` that answer the questions, as source code.
        notes: rows (label, text) for `cape inspect`.
    """

    file: ArrayFile
    contents: Contents
    description: Description
    fields: tuple[str, ...] = ()
    axes: tuple[str | None, ...] = ()
    missing: list[str] = field(default_factory=list)
    call: dict[str, str] = field(default_factory=dict)
    notes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.contents.arrays[self.fields[0]].shape)

    @property
    def complete(self) -> bool:
        """Whether fields and axes are known."""
        return bool(self.fields) and None not in self.axes

    @property
    def space(self) -> list[str]:
        """The space axes, in order."""
        return [word for word in SPACE if word in self.axes]

    def length(self, word: str) -> int:
        """Return the length of an axis; 1 for an absent one."""
        return self.shape[self.axes.index(word)] if word in self.axes else 1

    def axis_name(self, word: str) -> str:
        """Return the name that the file gives to an axis, or ""."""
        return self.contents.axis_names(self.fields[0])[self.axes.index(word)] if word in self.axes else ""

    def numbers(self) -> list[str]:
        """Return the names of the arrays of real numbers, in the order of the file."""
        return [name for name, array in self.contents.arrays.items() if is_number(array.dtype)]

    def described(self, name: str) -> str:
        return f"{name!r} {shape_of(self.contents, name)}"

    def ask(self, phrase: str, argument: str, code: str) -> None:
        """Note that something is missing, and how an argument of `cape.open` answers it."""
        self.missing.append(phrase)
        self.call[argument] = code

    def answer_or_raise(self) -> None:
        """Raise Unanswered if something is missing."""
        if self.missing:
            call = {**self._given(), **self.call}
            ordered = {name: call[name] for name in _ORDER if name in call}
            raise Unanswered(self.file.name, f"found {self.contents}", self.missing, ordered | call)

    def _given(self) -> dict[str, str]:
        """Return what the user has said or is certain, as source code."""
        d, given = self.description, {}
        if d.fields is not None:
            given["fields"] = listed(d.fields)
        if d.channels is not None:
            given["channels"] = str(list(d.channels)).replace("'", '"')
        if self.complete:
            given["axes"] = f'"{" ".join(map(str, self.axes))}"'
        if d.table is not None:
            given["table"] = f'"{d.table.path}"'
        if d.parameters is not None:
            given["parameters"] = coded(d.parameters)
        for name in ("dt", "dx", "times", "coordinates", "boundaries", "equation"):
            value = vars(d)[name]
            if value is not None:
                given[name] = _code(value)
        return given


def listed(names: tuple[str, ...]) -> str:
    """Return names as source code: one text, or a list."""
    texts = [f'"{name}"' for name in names]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def coded(parameters: Mapping[str, Place]) -> str:
    """Return parameters as source code; values [sample] are left out."""
    pairs = [f'"{name}": {_code(place)}' for name, place in parameters.items()]
    return f"{{{', '.join(pairs)}}}"


def _code(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value) if isinstance(value, int | float) else BLANK
