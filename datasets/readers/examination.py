"""Examine files of unknown origin before they are read: where their data lie, and how large they claim to be."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path

import h5py

from cape.datasets.hdf5_files import naming_errors, open_hdf5
from cape.datasets.readers.elsewhere import SAME_FILE, located, raw_files

LARGE = 4 * 2**30  # bytes that a dataset may have whatever is stored
MOST_COMPRESSED = 1000  # times what is stored, for larger ones
HOW_TO_TRUST = "; for files of your own, set trusted = true to allow it"


def examine(path: Path, about_to_visit: Callable[[int], None] = lambda objects: None) -> int:
    """Examine an HDF5 file and the files that it links to; return the number of their objects.

    The rules are those of other packages after CVE-2026-1669.

    Args:
        about_to_visit: is called for every file with the number of its objects, before these are visited.

    Raises:
        ValueError: the file links to or stores data outside its folder, or claims more than 4 GiB and 1000 times what
            it stores.
    """
    folder, objects = path.resolve().parent, 0
    waiting, seen = [path], {path.resolve()}
    while waiting:
        current = waiting.pop()
        with open_hdf5(current) as file, naming_errors(path):
            links = _links(file)
            objects += len(links)
            about_to_visit(len(links))
            examined = _Examination(current, folder, file, links)
        new = [linked for linked in examined.linked if linked.resolve() not in seen]
        waiting.extend(new)
        seen.update(linked.resolve() for linked in new)
    return objects


class _Examination:
    """The examination of one file, which finds the files that it links to."""

    def __init__(self, path: Path, folder: Path, file: h5py.File, links: list[tuple[bytes, int]]):
        self.path, self.folder, self.file = path, folder, file
        self.linked: list[Path] = []
        groups = {name.rpartition(b"/")[0] for name, _ in links}  # but for empty ones
        for name, kind in links:
            if kind == h5py.h5l.TYPE_EXTERNAL:
                target, _ = file.id.links.get_val(name)
                self._link(_text(name), _text(target), "links to")
            elif kind == h5py.h5l.TYPE_HARD and name not in groups:
                found = h5py.h5o.open(file.id, name)
                if isinstance(found, h5py.h5d.DatasetID):
                    self._examine_dataset(name, found)

    def _link(self, name: str, target: str, how: str) -> None:
        """Check a link to another file. A link to nothing matters only where it is read."""
        found = located(target, self.path)
        if found is not None:
            self._check_inside(name, target, found, how)
            self.linked.append(found)

    def _check_inside(self, name: str, target: str, found: Path, how: str) -> None:
        if not found.resolve().is_relative_to(self.folder):
            raise ValueError(
                f"{self.path}: {name!r} {how} {target!r}, outside the folder of the file{HOW_TO_TRUST}"
            )
        if found.exists() and not found.is_file():
            raise ValueError(f"{self.path}: {name!r} {how} {target!r}, which is not a regular file")

    def _examine_dataset(self, name: bytes, found: h5py.h5d.DatasetID) -> None:
        if found.get_offset() is not None:  # in one piece in the file itself, as most are
            declared = found.get_storage_size()
            if declared > LARGE:
                self._check_claim(_text(name), found, declared, self.path.stat().st_size)
            return
        declared = prod(found.shape or (0,)) * found.get_type().get_size()
        if found.get_create_plist().get_layout() == h5py.h5d.VIRTUAL:
            stored = self._examine_virtual(_text(name), found)
        else:
            stored = self._examine_stored(_text(name), found)
        if declared > LARGE:
            self._check_claim(_text(name), found, declared, stored)

    def _examine_virtual(self, name: str, found: h5py.h5d.DatasetID) -> int:
        """Check the sources of a virtual dataset; return the bytes of their files."""
        sources = {part.file_name for part in h5py.Dataset(found).virtual_sources()} - {SAME_FILE}
        for target in sorted(sources):
            self._link(name, target, "is a virtual dataset with a source in")
        places = {self.path, *(located(target, self.path) for target in sources)}
        return sum(place.stat().st_size for place in places if place is not None)

    def _examine_stored(self, name: str, found: h5py.h5d.DatasetID) -> int:
        """Check the raw files of a dataset; return how many bytes of them, or of its file, it takes."""
        raw = [target for target, _, _ in raw_files(found)]
        for target in raw:
            self._check_inside(name, target, self.path.parent / target, "is stored in")
        places = [self.path.parent / target for target in raw] or [self.path]
        return min(found.get_storage_size(), sum(file.stat().st_size for file in places if file.is_file()))

    def _check_claim(self, name: str, found: h5py.h5d.DatasetID, declared: int, stored: int) -> None:
        if declared > MOST_COMPRESSED * stored:
            raise ValueError(
                f"{self.path}: {name!r} claims {declared} bytes {list(found.shape)}, more than {MOST_COMPRESSED} times "
                f"the {stored} that are stored{HOW_TO_TRUST}"
            )


def _links(file: h5py.File) -> list[tuple[bytes, int]]:
    """Return the name and type of every link of a file, without following soft and external links."""
    found: list[tuple[bytes, int]] = []
    file.id.links.visit(lambda name, link: found.append((name, link.type)), info=True)
    return found


def _text(name: bytes) -> str:
    return name.decode(errors="surrogateescape")
