"""Read files of arrays as the user describes them, or as their names and shapes suggest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cape.datasets.arrays import axis_boundaries
from cape.datasets.fields import whole
from cape.datasets.formats.array_file import ArrayFile, Contents
from cape.datasets.formats.axes import find_fields
from cape.datasets.formats.description import Description
from cape.datasets.formats.format import SUFFIXES, format_of
from cape.datasets.formats.grid import ask_for_grid, find_coordinates, find_times
from cape.datasets.formats.known import Known
from cape.datasets.formats.parameters import ask_without_axes, find_parameters
from cape.datasets.formats.store import ArrayStore
from cape.datasets.formats.words import CHANNEL, SAMPLE, is_initial_condition
from cape.datasets.hdf5_files import naming_errors
from cape.datasets.numbering import number_initial_conditions
from cape.datasets.readers.reader import Reader
from cape.datasets.trajectories import Trajectories


@dataclass(frozen=True, eq=False)
class ArraysReader(Reader):
    """Reads arrays of any names. It is not registered: it is used if no registered reader recognises a file.

    Attributes:
        wanted: what the user says about the files.
        depth: how many of the last parts of a path distinguish the files, which numbers their initial conditions.
    """

    wanted: Description = Description()
    depth: int = 1

    name = "arrays"  # type: ignore[misc]
    description = "arrays of any names"  # type: ignore[misc]
    suffixes = SUFFIXES  # type: ignore[misc]

    def recognises(self, path: Path) -> bool:
        return format_of(path) is not None

    def open(self, path: Path) -> Trajectories:
        """Open a file of arrays, reading no field.

        Raises:
            Unanswered: something is missing; the message shows the call with the blanks to fill in.
            ValueError: the file is damaged, or does not fit what is said about it.
        """
        return self.open_file(self._file(path))

    def open_file(self, file: ArrayFile) -> Trajectories:
        """Open a file as `open` does."""
        with naming_errors(file.path), file.reading() as contents:
            known = Known(file, contents, self.wanted)
            return _trajectories(known, "/".join(file.path.parts[-self.depth :]))

    def notes(self, path: Path, trajectories: Trajectories) -> list[tuple[str, str]]:
        file = self._file(path)
        with file.reading() as contents:
            known = Known(file, contents, self.wanted)
            _trajectories(known, "")
            return [(f"read {label}", text) for label, text in known.notes]

    def _file(self, path: Path) -> ArrayFile:
        opener = format_of(path, trusted=self.wanted.trusted)
        if opener is None:
            found = f"unknown format {path.suffix!r}" if path.exists() else "no such file"
            raise ValueError(f"{path}: {found}; expected a file of arrays ({', '.join(self.suffixes)})")
        return opener(path)


def _trajectories(known: Known, series: str) -> Trajectories:
    find_fields(known)
    if not known.complete:
        ask_for_grid(known)
        ask_without_axes(known)
        known.answer_or_raise()
    times, coordinates, parameters = find_times(known), find_coordinates(known), find_parameters(known)
    known.answer_or_raise()
    assert times is not None and coordinates is not None  # otherwise asked for
    for name in known.fields:
        known.file.check_complete(known.contents, name)
    axes, samples = tuple(map(str, known.axes)), known.length(SAMPLE)
    return Trajectories(
        fields=whole(ArrayStore(known.file, known.fields, axes, known.shape)),
        parameters=np.array(list(parameters.values()), np.float64).reshape(-1, samples).T,
        parameter_names=tuple(parameters),
        channel_names=_channels(known),
        coordinates=tuple(np.asarray(x, np.float64) for x in coordinates),
        times=times,
        boundaries=_boundaries(known),
        initial_conditions=_initial_conditions(known, samples, series),
        equation=known.description.equation or "unknown",
        numbering="position" if known.description.initial_conditions is None else "given",
    )


def _channels(known: Known) -> tuple[str, ...]:
    """Return the names that are given, those in the file, or the fields' names with numbers for a channel axis."""
    given, count = known.description.channels, known.length(CHANNEL)
    if given is not None:
        if len(given) != count * len(known.fields):
            raise ValueError(
                f"{known.file.name}: channels: expected {count * len(known.fields)} names for "
                f"{', '.join(map(known.described, known.fields))} with axes='{' '.join(map(str, known.axes))}', got "
                f"{len(given)}: {', '.join(given)}"
            )
        return given
    fields = [name.rpartition("/")[2] for name in known.fields]
    if count == 1:
        return tuple(fields)
    axis = known.axis_name(CHANNEL)
    texts = known.contents.values(axis) if axis in known.contents.arrays else np.zeros(0)
    if len(fields) == 1 and texts.shape == (count,) and texts.dtype.kind in "UOST":
        return tuple(text.decode() if isinstance(text, bytes) else str(text) for text in texts.tolist())
    return tuple(f"{name}{i}" for name in fields for i in range(count))


def _boundaries(known: Known) -> tuple[str, ...]:
    given = known.description.boundaries
    if given is None:
        known.notes.append(
            ("boundaries", "periodic is assumed; give boundaries='outgoing' or 'wall' otherwise")
        )
    return axis_boundaries("periodic" if given is None else given, len(known.space))


def _initial_conditions(known: Known, samples: int, series: str) -> np.ndarray:
    """Return the numbers in the file, or different ones for all samples of all files."""
    given, contents = known.description.initial_conditions, known.contents
    if given is None:
        given = next((name for name in known.numbers() if is_initial_condition(name)), None)
    if not isinstance(given, str):
        return number_initial_conditions(series, samples)
    return _numbers(known, contents, given, samples)


def _numbers(known: Known, contents: Contents, name: str, samples: int) -> np.ndarray:
    values = contents.values(name).reshape(-1) if name in contents.arrays else np.zeros(0)
    if values.shape != (samples,) or not np.all(values == np.round(values)):
        found = known.described(name) if name in contents.arrays else f"no array {name!r}"
        raise ValueError(
            f"{known.file.name}: initial_conditions: {found}, expected one integer for each of the {samples} samples"
        )
    known.notes.append(("initial conditions", f"from {name!r}"))
    return values.astype(np.int64)
