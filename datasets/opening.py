"""Find files and open them together, whatever their layouts."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from cape.datasets.concatenation import concatenate
from cape.datasets.readers.hdf5 import contents
from cape.datasets.readers.reader import READERS, Reader
from cape.datasets.trajectories import Trajectories

Paths = str | Path | Sequence[str | Path]


def open_files(paths: Paths) -> Trajectories:
    """Open files of one PDE, or folders of such files, together; this reads no field.

    Samples are in the order of the files; the files of a folder are sorted by name.

    Raises:
        ValueError: a file is missing or unknown, or files do not fit together; the message names them.
    """
    return concatenate([reader_of(path).open(path) for path in find_files(paths)])


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
    found = [reader for reader in READERS.parts.values() if reader.recognises(path)]
    if len(found) > 1:
        names = " and ".join(reader.name for reader in found)
        raise ValueError(f"{path}: the readers {names} all recognise this file, expected exactly one")
    if not found:
        known = "; ".join(f"{reader.name}: {reader.description}" for reader in READERS.parts.values())
        raise ValueError(f"{path}: unknown layout, found {contents(path)}. Known layouts: {known}")
    return found[0]


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
