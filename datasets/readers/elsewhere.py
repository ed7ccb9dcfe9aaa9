"""Other files that hold data of an HDF5 file: targets of external links, virtual sources and raw storage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py

SAME_FILE = "."  # as the file of a virtual source


def located(name: str, path: Path) -> Path | None:
    """Return the file that HDF5 opens for a file name in the file `path`, or None if there is none.

    HDF5 looks in the folder of the file first, then in the working directory.
    """
    given = Path(name)
    folders = (path.parent, Path(), path.resolve().parent)
    beside = [folder / (given.name if given.is_absolute() else given) for folder in folders]
    places = [given, *beside] if given.is_absolute() else beside
    return next((place for place in places if place.exists()), None)


def raw_files(found: h5py.h5d.DatasetID) -> Iterator[tuple[str, int, int]]:
    """Yield (name, offset, bytes) of the raw files in which a dataset is stored; nothing if it is in its own file."""
    plist = found.get_create_plist()
    for i in range(plist.get_external_count()):
        name, offset, size = plist.get_external(i)
        yield name.decode(errors="surrogateescape"), offset, size
