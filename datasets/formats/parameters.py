"""The parameters of the samples of a file of arrays: where they are, and their values."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from cape.datasets.formats.array_file import is_number
from cape.datasets.formats.description import Place
from cape.datasets.formats.file_name import parameters_in_name
from cape.datasets.formats.known import Known, coded
from cape.datasets.formats.words import SAMPLE, may_be_parameter
from cape.registry import nearest

_COLUMN = re.compile(r"(.+)\[(\d+)\]")  # params[0]
_SAME = 1e-6  # relative difference of values that count as equal


def find_parameters(known: Known) -> dict[str, np.ndarray]:
    """Return the values [sample] of each parameter. Those that are given by order are zero until they are filled in.

    Raises:
        ValueError: a parameter is not found, or two places give it different values.
    """
    samples = known.length(SAMPLE)
    places = known.description.parameters
    if places is None:
        places = _guessed(known)
        if not places:
            _ask(known)
            return {}
        known.notes.append(("parameters", f"from {', '.join(sorted(set(map(str, places.values()))))}"))
    return {name: _values(known, name, place, samples) for name, place in places.items()}


def ask_without_axes(known: Known) -> None:
    """Ask for the parameters of a file whose axes are not known yet, unless they were given."""
    if known.description.parameters is None:
        arrays = known.contents.arrays
        others = [name for name in known.numbers() if name not in known.fields and may_be_parameter(name)]
        found = [name for name in others if len(_long(arrays[name].shape)) < 2]
        surely = [name for name, (_, sure) in parameters_in_name(known.file.path).items() if sure]
        known.call["parameters"] = _call(found or surely)
        if not (found or surely):
            known.missing.append("the parameters (name and place or value)")


def _ask(known: Known) -> None:
    candidates = [*known.contents.attributes, *parameters_in_name(known.file.path)]
    shown = f"; numbers in attributes or the file's name: {', '.join(candidates)}" if candidates else ""
    known.ask(
        f"the parameters, each a number or the place of its values{shown}",
        "parameters",
        _call(candidates[:1]),
    )


def _call(names: list[str]) -> str:
    return coded(_places(names)) if names else '{"NAME": ...}'


def _guessed(known: Known) -> dict[str, Place]:
    """Return the arrays [sample], otherwise single numbers, columns of the table and sure parts of the file's name."""
    samples, dimension = known.length(SAMPLE), known.axis_name(SAMPLE)
    arrays = known.contents.arrays
    vectors, singles = [], []
    for name in known.numbers():
        if name in known.fields or not may_be_parameter(name):
            continue
        long, axes = _long(arrays[name].shape), known.contents.axis_names(name)
        if long == (samples,) and (not any(axes) or dimension in axes):
            vectors.append(name)
        elif not long:
            singles.append(name)
    table = known.description.table
    in_table = table.numeric_columns() if table is not None else []
    in_name = [name for name, (_, sure) in parameters_in_name(known.file.path).items() if sure]
    return _places([*(vectors or singles), *in_table, *in_name])


def _places(names: list[str]) -> dict[str, Place]:
    """Return the place of each parameter, which has the name of its array without those of groups."""
    return {name.rpartition("/")[2]: name for name in names}


def _values(known: Known, name: str, place: Place, samples: int) -> np.ndarray:
    if isinstance(place, np.ndarray):
        return np.zeros(samples)
    if not isinstance(place, str):
        return np.full(samples, place)
    table = known.description.table
    if table is not None and table.files is None and place in table.columns:
        return np.zeros(samples)
    found = dict(_found(known, place, samples))
    if not found:
        raise ValueError(f"{known.file.name}: parameter {name!r}: {_not_found(known, place)}")
    (first, values), *others = found.items()
    for other, different in others:
        if not np.allclose(values, different, rtol=_SAME, atol=0):
            a, b = (f"{v[np.argmax(values != different)]:g}" for v in (values, different))
            raise ValueError(
                f"{known.file.name}: parameter {name!r} is {a} in {first} and {b} in {other}; correct one of them, or "
                f"give the values: parameters={{{name!r}: ...}}"
            )
    return values


def _found(known: Known, place: str, samples: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each place that holds the values of this name, and the values [sample]."""
    contents, column = known.contents, _COLUMN.fullmatch(place)
    if place in contents.arrays:
        yield f"the array {place!r}", _vector(known, place, contents.values(place), samples)
    elif column and column[1] in contents.arrays:
        yield f"the array {column[1]!r}", _column(known, column[1], int(column[2]), samples)
    if place in contents.attributes:
        yield f"the attribute {place!r}", np.full(samples, contents.attributes[place])
    table = known.description.table
    if table is not None and table.files is not None and place in table.columns:
        rows = table.rows_of(known.file.path, samples)
        yield f"{table.path}", np.broadcast_to(table.column(place)[rows], (samples,)).copy()
    in_name = parameters_in_name(known.file.path)
    if place in in_name:
        yield "the file's name", np.full(samples, in_name[place][0])


def _vector(known: Known, name: str, values: np.ndarray, samples: int) -> np.ndarray:
    if not is_number(values.dtype) or not np.isfinite(values).all():
        raise ValueError(f"{known.file.name}: parameter {name!r} holds no finite numbers")
    if values.size == 1:
        return np.full(samples, values.reshape(()))
    if _long(values.shape) != (samples,):
        hint = (
            f"; for column i of it write '{name}[i]'" if values.ndim == 2 and len(values) == samples else ""
        )
        raise ValueError(
            f"{known.file.name}: parameter {known.described(name)}: expected one number, or one for each of the "
            f"{samples} samples{hint}"
        )
    return values.reshape(-1)


def _column(known: Known, name: str, column: int, samples: int) -> np.ndarray:
    values = known.contents.values(name)
    if values.ndim != 2 or len(values) != samples or column >= values.shape[1]:
        raise ValueError(
            f"{known.file.name}: no column {column} (from 0) for {samples} samples in {known.described(name)}"
        )
    return _vector(known, name, values[:, column], samples)


def _not_found(known: Known, place: str) -> str:
    table = known.description.table
    arrays = [n for n in known.numbers() if n not in known.fields and may_be_parameter(n)]
    places = [*arrays, *known.contents.attributes, *parameters_in_name(known.file.path)]
    places += list(table.columns) if table is not None else []
    return (
        f"no array, attribute, column of a table or part of the file's name {place!r}; {nearest(place, places)}"
        if places
        else f"nothing is named {place!r}"
    )


def _long(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the lengths of the axes that have more than one entry."""
    return tuple(n for n in shape if n > 1)
