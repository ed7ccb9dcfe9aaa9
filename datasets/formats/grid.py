"""Times and coordinates of the fields of a file of arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cape.datasets.arrays import axis_coordinates, frame_times
from cape.datasets.formats.known import Known
from cape.datasets.formats.words import SAMPLE, TIME, plain, word_of
from cape.registry import nearest


def find_times(known: Known) -> np.ndarray | None:
    """Return the times [time]; None if they have to be asked for.

    Raises:
        ValueError: there are several, they do not increase, or they do not fit the fields.
    """
    given, frames = known.description, known.length(TIME)
    if given.dt is not None:
        return frame_times(given.dt, None, frames)
    times = given.times if given.times is not None else _coordinate(known, TIME, "times")
    if isinstance(times, str):
        known.notes.append(("times", f"from {times!r}"))
        return _increasing(known, TIME, times)
    if times is not None:
        return frame_times(None, times, frames)
    step = _single(known, "dt")
    if step is not None:
        known.notes.append(("times", "from 'dt', the first frame at 0"))
        return frame_times(step, None, frames)
    known.ask("the time between frames (dt), or the times", "dt", "...")
    return None


def find_coordinates(known: Known) -> list[np.ndarray] | None:
    """Return the points of each axis; None if they have to be asked for. Errors as in `find_times`."""
    given, space = known.description, known.space
    resolution = [known.length(word) for word in space]
    if given.dx is not None:
        return axis_coordinates(given.dx, None, resolution)
    places: Sequence = given.coordinates or [_coordinate(known, word, "coordinates") for word in space]
    if len(places) != len(space):
        raise ValueError(
            f"coordinates: expected one for each of the {len(space)} space axes of {known.fields[0]!r}, got "
            f"{len(places)}"
        )
    if all(place is not None for place in places):
        if given.coordinates is None:
            known.notes.append(("coordinates", f"from {', '.join(map(repr, places))}"))
        points = [
            _increasing(known, w, p) if isinstance(p, str) else p for w, p in zip(space, places, strict=True)
        ]
        return axis_coordinates(None, points, resolution)
    spacing = _single(known, "dx")
    if spacing is not None and len(space) == 1:
        known.notes.append(("coordinates", "from 'dx', cell centres"))
        return axis_coordinates(spacing, None, resolution)
    lacking = ", ".join(word for word, place in zip(space, places, strict=True) if place is None)
    known.ask(f"the spacing of the points (dx), or the coordinates, of {lacking}", "dx", "...")
    return None


def ask_for_grid(known: Known) -> None:
    """Ask for times and coordinates if no array has a name of theirs, for a file whose axes are not known yet."""
    words = {word_of(name) for name in known.numbers() if name not in known.fields}
    d = known.description
    if TIME not in words and d.dt is None and d.times is None and _single(known, "dt") is None:
        known.ask("the time between frames (dt), or the times", "dt", "...")
    if "x" not in words and d.dx is None and d.coordinates is None and _single(known, "dx") is None:
        known.ask("the spacing of the points (dx), or the coordinates", "dx", "...")


def _coordinate(known: Known, word: str, argument: str) -> str | None:
    """Return the name of the array with the coordinates of an axis, or None.

    Raises:
        ValueError: several arrays of different values have a name of this axis.
    """
    arrays, name = known.contents.arrays, known.axis_name(word)
    if name in arrays and name not in known.fields:
        return name
    named = [n for n in known.numbers() if word_of(n) == word and n not in known.fields]
    others = known.contents.axis_names(known.fields[0])  # whose coordinates belong to other axes
    one = known.length(word) == 1
    found = [n for n in named if (one or np.prod(arrays[n].shape) > 1) and n not in others]
    if len(found) > 1:
        first, *further = (known.contents.values(n).squeeze() for n in found)
        if not all(np.array_equal(first, values) for values in further):
            wanted = found[0] if argument == "times" else [found[0]]
            raise ValueError(
                f"{known.file.name}: {' and '.join(map(known.described, found))} may both be the {argument} of the "
                f"axis {word!r}, and differ; choose with {argument}={wanted!r}"
            )
    return found[0] if found else None


def _increasing(known: Known, word: str, name: str) -> np.ndarray:
    """Read a coordinate [n] or [sample, n]."""
    if name not in known.contents.arrays:
        raise ValueError(f"{known.file.name}: no array {name!r}; {nearest(name, known.contents.arrays)}")
    values, n = known.contents.values(name).squeeze(), known.length(word)
    values = values.reshape(-1) if n == 1 and values.ndim == 0 else values
    if values.ndim == 2 and values.shape == (known.length(SAMPLE), n):
        values = _common(known, word, name, values)
    if values.shape == (n + 1,) and plain(name) == "t_coordinate":  # as in PDEBench's files
        values = values[:-1]
    if values.shape != (n,):
        axes = " ".join(map(str, known.axes))
        raise ValueError(
            f"{known.file.name}: {known.described(name)} has no entry for each of the {n} points of the axis {word!r} "
            f"of {known.described(known.fields[0])} with axes='{axes}'; are the axes in the order of the array?"
        )
    if not np.isfinite(values).all() or not (np.diff(values) > 0).all():
        raise ValueError(
            f"{known.file.name}: {name!r} is not increasing, expected coordinates in ascending order"
        )
    return values


def _common(known: Known, word: str, name: str, values: np.ndarray) -> np.ndarray:
    """Return the coordinates that all samples share; times may start at another time in each sample."""
    if word == TIME and not np.all(values == values[0]):
        values = values - values[:, :1]
    step = np.abs(np.diff(values[0])).max(initial=0.0)
    if not np.allclose(values, values[0], rtol=0, atol=1e-3 * step):
        raise ValueError(
            f"{known.file.name}: {name!r} has different {'steps' if word == TIME else 'points'} in some samples, "
            "expected the same in all"
        )
    return values[0]


def _single(known: Known, name: str) -> float | None:
    """Return the number of an array with one entry, or of an attribute."""
    array = known.contents.arrays.get(name)
    if array is not None and np.prod(array.shape) == 1:
        return float(known.contents.values(name).reshape(()))
    return known.contents.attributes.get(name)
