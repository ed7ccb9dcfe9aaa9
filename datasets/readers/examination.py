"""Examine files of unknown origin before they are read: where their data lie, how large they claim to be, and texts."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path

import h5py

from cape.datasets.hdf5_files import naming_errors, open_hdf5
from cape.datasets.readers.elsewhere import SAME_FILE, located, raw_files
from cape.datasets.readers.variable_length import check_texts, has_texts

LARGE = 4 * 2**30  # bytes that a dataset may have whatever is stored
MOST_COMPRESSED = 1000  # times what is stored, for larger ones
HOW_TO_TRUST = "; for files of your own, open_files(..., trusted=True) allows it"


def examine(paths: Sequence[Path]) -> None:
    """Examine HDF5 files, and the files that they link to. Files of other formats are passed over.

    The rules are those of other packages after CVE-2026-1669.

    Raises:
        ValueError: a file links to or stores data outside its folder, claims more than 4 GiB and 1000 times what it
            stores, or has damaged texts.
    """
    texts: dict[Path, list[str]] = {}
    for path in paths:
        if path.is_file() and h5py.is_hdf5(path):
            texts |= _examine_with_linked(path)
    check_texts(texts)


def _examine_with_linked(path: Path) -> dict[Path, list[str]]:
    """Examine a file and those it links to; return the objects with attributes of variable length in each of them."""
    folder, texts = path.resolve().parent, {}
    waiting, seen = [path], {path.resolve()}
    while waiting:
        current = waiting.pop()
        with open_hdf5(current) as file, naming_errors(path):
            examined = _Examination(current, folder, file)
        if examined.texts:
            texts[current] = examined.texts
        new = [linked for linked in examined.linked if linked.resolve() not in seen]
        waiting.extend(new)
        seen.update(linked.resolve() for linked in new)
    return texts


class _Examination:
    """The examination of one file: the files it links to, and its objects with attributes of variable length."""

    def __init__(self, path: Path, folder: Path, file: h5py.File):
        self.path, self.folder, self.file = path, folder, file
        self.linked: list[Path] = []
        self.texts = ["/"] if has_texts(h5py.h5g.open(file.id, b"/")) else []
        for name, kind in _links(file):
            if kind == h5py.h5l.TYPE_EXTERNAL:
                target, _ = file.id.links.get_val(name)
                self._link(_text(name), _text(target), "links to")
            elif kind == h5py.h5l.TYPE_HARD:
                self._examine_object(_text(name), h5py.h5o.open(file.id, name))

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

    def _examine_object(
        self, name: str, found: h5py.h5g.GroupID | h5py.h5d.DatasetID | h5py.h5t.TypeID
    ) -> None:
        if not isinstance(found, h5py.h5t.TypeID) and has_texts(found):
            self.texts.append(name)
        if isinstance(found, h5py.h5d.DatasetID):
            self._examine_dataset(name, found)

    def _examine_dataset(self, name: str, found: h5py.h5d.DatasetID) -> None:
        in_one_piece = found.get_offset() is not None  # in the file itself, as most are
        for target, _, _ in () if in_one_piece else raw_files(found):
            self._check_inside(name, target, self.path.parent / target, "is stored in")
        virtual = not in_one_piece and found.get_create_plist().get_layout() == h5py.h5d.VIRTUAL
        parts = h5py.Dataset(found).virtual_sources() if virtual else []
        sources = {part.file_name for part in parts} - {SAME_FILE}
        for target in sorted(sources):
            self._link(name, target, "is a virtual dataset with a source in")
        declared = prod(found.shape or (0,)) * found.get_type().get_size()
        if declared <= LARGE:
            return
        places = {self.path, *(located(target, self.path) for target in sources)}
        files = [place for place in places if place is not None]
        stored = sum(file.stat().st_size for file in files) if virtual else self._stored_bytes(found)
        if declared > MOST_COMPRESSED * stored:
            raise ValueError(
                f"{self.path}: {name!r} claims {declared} bytes {list(found.shape)}, more than {MOST_COMPRESSED} times "
                f"the {stored} that are stored{HOW_TO_TRUST}"
            )

    def _stored_bytes(self, found: h5py.h5d.DatasetID) -> int:
        """Return how many bytes of its file, or of raw files, a dataset takes."""
        raw = [self.path.parent / name for name, _, _ in raw_files(found)]
        return min(found.get_storage_size(), sum(f.stat().st_size for f in raw or [self.path] if f.is_file()))


def _links(file: h5py.File) -> list[tuple[bytes, int]]:
    """Return the name and type of every link of a file, without following soft and external links."""
    found: list[tuple[bytes, int]] = []
    file.id.links.visit(lambda name, link: found.append((name, link.type)), info=True)
    return found


def _text(name: bytes) -> str:
    return name.decode(errors="surrogateescape")
