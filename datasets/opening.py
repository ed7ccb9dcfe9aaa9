"""Find files and open them together, whatever their layouts."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import h5py

from cape.datasets.concatenation import concatenate
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


def open_files(paths: Paths, *, trusted: bool = False) -> Trajectories:
    """Open files of one PDE, or folders of such files, together; this reads no field.

    Samples are in the order of the files; the files of a folder are sorted by name. HDF5 files are opened in a child
    process first, with limits of time and memory, as damaged ones can crash or hang the HDF5 library.

    Args:
        trusted: the files are the user's own. They are opened in this process. Their data may lie outside their
            folders, and they may be compressed more than files of others; see
            `cape.datasets.readers.examination.examine`.

    Raises:
        ValueError: a file is missing, unknown or refused, or files do not fit together; the message names them.
    """
    return concatenate([opened.trajectories for opened in open_each(paths, trusted=trusted)])


def open_each(paths: Paths, *, trusted: bool = False, notes: bool = False) -> list[Opened]:
    """Open files one by one; arguments and errors as in `open_files`.

    Args:
        notes: also ask the readers for their notes.
    """
    files, open_file = find_files(paths), partial(open_one, notes=notes)
    unknown = [not trusted and path.is_file() and h5py.is_hdf5(path) for path in files]
    isolated = [path for path, is_unknown in zip(files, unknown, strict=True) if is_unknown]
    results = open_isolated(isolated, open_file) if isolated else iter(())
    return [
        next(results) if is_unknown else open_file(path)
        for path, is_unknown in zip(files, unknown, strict=True)
    ]


def open_one(path: Path, *, notes: bool = False) -> Opened:
    """Open a file in this process; errors as in `open_files`."""
    reader = reader_of(path)
    with naming_errors(path):
        trajectories = reader.open(path)
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
    files = [file for path in given for file in (_inside(path) if path.is_dir() else [path])]
    repeated = sorted({str(f) for f in files if files.count(f) > 1})
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


def reader_of(path: Path) -> Reader:
    """Return the reader that recognises a file.

    Raises:
        ValueError: the file is missing or damaged, or no reader or several recognise it.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; expected a data file ({', '.join(_suffixes())})")
    with naming_errors(path):
        found = [reader for reader in READERS.parts.values() if reader.recognises(path)]
    if len(found) > 1:
        names = " and ".join(reader.name for reader in found)
        raise ValueError(f"{path}: the readers {names} all recognise this file, expected exactly one")
    if not found:
        raise ValueError(f"{path}: {_what_is_unknown(path)}. Known layouts: {_known_layouts()}")
    return found[0]


def _what_is_unknown(path: Path) -> str:
    if h5py.is_hdf5(path):
        return f"unknown layout, found {contents(path)}"
    if path.suffix in Hdf5Reader.suffixes:
        return "cannot be opened as HDF5, truncated or another format"
    return f"unknown format {path.suffix!r}, expected {' or '.join(_suffixes())}"


def _known_layouts() -> str:
    readers = READERS.parts.values()
    return "; ".join(
        f"{reader.name} ({', '.join(reader.suffixes)}): {reader.description}" for reader in readers
    )


def _inside(folder: Path) -> list[Path]:
    """Return the data files of a folder, sorted by name, without hidden ones (such as files that are being written).

    Raises:
        ValueError: there is none; the message names folders below that hold some.
    """
    suffixes = _suffixes()
    files = sorted(p for p in folder.iterdir() if p.suffix in suffixes and not p.name.startswith("."))
    if not files:
        below = sorted({f"{f.parent}" for s in suffixes for f in folder.glob(f"data/*/*{s}")})
        below = below or sorted({f"{f.parent}" for s in suffixes for f in folder.glob(f"*/*{s}")})
        hint = f"; give one of {', '.join(below)}" if below else ""
        raise ValueError(f"{folder}: a folder without {' or '.join(suffixes)} files{hint}")
    return files


def _suffixes() -> tuple[str, ...]:
    """Return the suffixes of all readers."""
    return tuple(dict.fromkeys(suffix for reader in READERS.parts.values() for suffix in reader.suffixes))
