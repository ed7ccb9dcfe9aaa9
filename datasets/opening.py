"""Find files and open them together, whatever their layouts."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import h5py

from cape.datasets.concatenation import concatenate
from cape.datasets.formats.by_order import in_order
from cape.datasets.formats.description import Description
from cape.datasets.formats.format import SUFFIXES as ARRAY_SUFFIXES
from cape.datasets.formats.format import format_of, require_packages
from cape.datasets.formats.question import Unanswered
from cape.datasets.formats.reader import ArraysReader
from cape.datasets.hdf5_files import naming_errors
from cape.datasets.isolated_opening import open_isolated
from cape.datasets.readers.hdf5 import Hdf5Reader, contents
from cape.datasets.readers.reader import READERS, Reader
from cape.datasets.trajectories import Trajectories

Paths = str | Path | Sequence[str | Path]


class Opened(NamedTuple):
    """A file that was opened.

    Attributes:
        notes: rows (label, text) for `cape inspect`, if they were asked for.
    """

    path: Path
    reader: Reader
    trajectories: Trajectories
    notes: list[tuple[str, str]]


def open_files(paths: Paths, *, trusted: bool = False, wanted: Description | None = None) -> Trajectories:
    """Open files of one PDE, or folders of such files, together; this reads no field.

    Samples are in the order of the files; the files of a folder are sorted by name. HDF5 files are opened in a child
    process first, with limits of time and memory, as damaged ones can crash or hang the HDF5 library.

    Args:
        trusted: the files are the user's own. They are opened in this process. Their data may lie outside their
            folders, and they may be compressed more than files of others; see
            `cape.datasets.readers.examination.examine`.
        wanted: what the user says about files of arrays. Without it, files have a known layout or speak for
            themselves.

    Raises:
        ValueError: a file is missing, unknown or refused, or files do not fit together; the message names them.
    """
    return concatenate([opened.trajectories for opened in open_each(paths, trusted=trusted, wanted=wanted)])


def open_each(
    paths: Paths, *, trusted: bool = False, notes: bool = False, wanted: Description | None = None
) -> list[Opened]:
    """Open files one by one; arguments and errors as in `open_files`.

    Args:
        notes: also ask the readers for their notes.
    """
    files, wanted = find_files(paths), wanted or Description(trusted=trusted)
    open_file = partial(open_one, notes=notes, arrays=ArraysReader(wanted, _depth(files)))
    unknown = [not trusted and path.is_file() and h5py.is_hdf5(path) for path in files]
    isolated = [path for path, is_unknown in zip(files, unknown, strict=True) if is_unknown]
    for path in files:
        require_packages(path)
    results = open_isolated(isolated, open_file) if isolated else iter(())
    opened = [
        next(results) if is_unknown else open_file(path)
        for path, is_unknown in zip(files, unknown, strict=True)
    ]
    if wanted.is_empty:
        return opened
    complete = in_order([each.trajectories for each in opened], wanted)
    return [each._replace(trajectories=t) for each, t in zip(opened, complete, strict=True)]


def open_one(path: Path, *, notes: bool = False, arrays: ArraysReader | None = None) -> Opened:
    """Open a file in this process; errors as in `open_files`.

    Args:
        arrays: the reader of files that have no known layout, or of all files if the user describes them.
    """
    arrays = arrays or ArraysReader()
    reader = reader_of(path, arrays) if arrays.wanted.is_empty else arrays
    with naming_errors(path):
        try:
            trajectories = reader.open(path)
        except Unanswered as question:
            if arrays.wanted.is_empty and path.is_file() and h5py.is_hdf5(path):
                raise _of_unknown_layout(path, question) from None
            raise
        return Opened(path, reader, trajectories, reader.notes(path, trajectories) if notes else [])


def find_files(paths: Paths) -> list[Path]:
    """Return files as they are given, and folders as their files with a known suffix, sorted by name.

    Patterns such as "data/*.hdf5" stand for the files and folders that match, sorted by name.

    Raises:
        ValueError: nothing is given, nothing matches a pattern, a folder holds no such file, or a file is given twice.
    """
    given = [
        match for path in ([paths] if isinstance(paths, str | Path) else paths) for match in _matches(path)
    ]
    if not given:
        raise ValueError("expected at least one HDF5 file or folder, got none")
    files = [file for path in given for file in (_inside(path) if _is_folder(path) else [path])]
    repeated = sorted(str(file) for file, count in Counter(files).items() if count > 1)
    if repeated:
        raise ValueError(f"{', '.join(repeated)}: given more than once; give every file once")
    return files


def _matches(path: str | Path) -> list[Path]:
    if Path(path).exists() or not glob.has_magic(str(path)):
        return [Path(path)]
    found = sorted(Path(match) for match in glob.glob(str(path)))
    if not found:
        raise ValueError(
            f"{path}: no file matches this pattern; expected a data file ({', '.join(_suffixes())})"
        )
    return found


def reader_of(path: Path, arrays: ArraysReader | None = None) -> Reader:
    """Return the reader that recognises a file.

    Args:
        arrays: the reader of files of arrays that no registered reader recognises.

    Raises:
        ValueError: the file is missing or damaged, or no reader or several recognise it.
    """
    if not path.is_file() and format_of(path) is None:
        raise ValueError(f"{path}: no such file; expected a data file ({', '.join(_suffixes())})")
    with naming_errors(path):
        found = [reader for reader in READERS.parts.values() if path.is_file() and reader.recognises(path)]
    if len(found) > 1:
        names = " and ".join(reader.name for reader in found)
        raise ValueError(f"{path}: the readers {names} all recognise this file, expected exactly one")
    if found:
        return found[0]
    arrays = arrays or ArraysReader()
    if not arrays.recognises(path):
        raise ValueError(f"{path}: {_what_is_unknown(path)}. Known layouts: {_known_layouts()}")
    if path.suffix in Hdf5Reader.suffixes and not h5py.is_hdf5(path):
        raise ValueError(f"{path}: cannot be opened as HDF5, truncated or another format")
    return arrays


def _of_unknown_layout(path: Path, question: Unanswered) -> Unanswered:
    """Return a question that also says what an HDF5 file may lack to have a known layout."""
    names = ", ".join(name for name in READERS.parts)
    return question.found_as(
        f"unknown layout, found {contents(path)}. Known layouts: {names} (docs/data.md); or describe the arrays"
    )


def _what_is_unknown(path: Path) -> str:
    if h5py.is_hdf5(path):
        return f"unknown layout, found {contents(path)}"
    return f"unknown format {path.suffix!r}, expected {' or '.join(dict.fromkeys([*_suffixes(), *ARRAY_SUFFIXES]))}"


def _known_layouts() -> str:
    readers = READERS.parts.values()
    return "; ".join(
        f"{reader.name} ({', '.join(reader.suffixes)}): {reader.description}" for reader in readers
    )


def _is_folder(path: Path) -> bool:
    """Return whether a path is a folder of files; a zarr store is not."""
    return path.is_dir() and format_of(path) is None


def _inside(folder: Path) -> list[Path]:
    """Return the data files of a folder, sorted by name, without hidden ones (such as files that are being written).

    Files with a suffix of a registered reader come first: only if there are none, those of arrays are taken.

    Raises:
        ValueError: there is none; the message names folders below that hold some.
    """
    suffixes = _suffixes()
    visible = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    files = [path for path in visible if path.suffix in suffixes]
    files = files or [path for path in visible if path.suffix.lower() in ARRAY_SUFFIXES or _is_store(path)]
    if not files:
        below = sorted({f"{f.parent}" for s in suffixes for f in folder.glob(f"data/*/*{s}")})
        below = below or sorted({f"{f.parent}" for s in suffixes for f in folder.glob(f"*/*{s}")})
        hint = f"; give one of {', '.join(below)}" if below else ""
        raise ValueError(f"{folder}: a folder without {' or '.join(suffixes)} files{hint}")
    return files


def _is_store(path: Path) -> bool:
    return path.is_dir() and format_of(path) is not None


def _depth(files: Sequence[Path]) -> int:
    """Return how many of the last parts of the paths are needed to distinguish files."""
    deepest = max(len(path.parts) for path in files)
    return next(
        (n for n in range(1, deepest) if len({path.parts[-n:] for path in files}) == len(files)), deepest
    )


def _suffixes() -> tuple[str, ...]:
    """Return the suffixes of all registered readers."""
    return tuple(dict.fromkeys(suffix for reader in READERS.parts.values() for suffix in reader.suffixes))
