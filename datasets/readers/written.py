"""Check that all values of a dataset are stored. HDF5 returns fill values where they are not."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import h5py

from cape.datasets.hdf5_files import open_hdf5, stored
from cape.datasets.readers.elsewhere import SAME_FILE, located, raw_files

DEEPEST = 8  # virtual datasets of virtual datasets of ...


Part = Any  # of a virtual dataset: a named tuple (vspace, file_name, dset_name, src_space) of h5py
Checked = set[tuple[Path, str]]  # datasets (file, name) that are known to be stored


def check_written(path: Path, found: h5py.Dataset) -> None:
    """Raise ValueError if values of a dataset of the file `path` were never written, or a source is missing."""
    _check(path, found, 0, set())


def _check(path: Path, found: h5py.Dataset, depth: int, checked: Checked) -> None:
    if found.id.get_offset() is not None:  # in one piece in the file, as most are
        return
    plist = found.id.get_create_plist()
    layout = plist.get_layout()
    if not found.size or layout == h5py.h5d.COMPACT:
        return
    name = found.name.removeprefix("/")
    if layout == h5py.h5d.VIRTUAL:
        _check_virtual(path, name, found, depth, checked)
    elif layout == h5py.h5d.CHUNKED:
        expected = prod(-(-n // chunk) for n, chunk in zip(found.shape, found.chunks, strict=True))
        written = found.id.get_num_chunks()
        if written < expected:
            raise ValueError(
                f"{path}: {name!r} is incomplete: {expected - written} of its {expected} chunks were never written"
            )
    elif plist.get_external_count():
        _check_raw_files(path, name, found)
    else:
        raise ValueError(f"{path}: {name!r} is incomplete: its values were never written")


def _check_virtual(path: Path, name: str, found: h5py.Dataset, depth: int, checked: Checked) -> None:
    if depth > DEEPEST:
        raise ValueError(f"{path}: {name!r} is a virtual dataset with sources nested too deeply")
    parts: dict[tuple[str, str], list[Part]] = {}
    for part in found.virtual_sources():
        parts.setdefault((part.file_name, part.dset_name), []).append(part)
    for (file_name, source), used in parts.items():
        described = f"{path}: {name!r} is a virtual dataset whose source {source!r} in {file_name!r}"
        place = path if file_name == SAME_FILE else located(file_name, path)
        if place is None:
            raise ValueError(f"{described} is missing: no such file")
        with open_hdf5(place) as file:
            try:
                data = stored(file, source)
            except KeyError as error:
                raise ValueError(f"{described} is missing: no such dataset") from error
            if list(raw_files(data.id)):
                raise ValueError(f"{described} is stored in raw files, which is not supported")
            if (place.resolve(), source) not in checked:
                _check(place, data, depth + 1, checked)
                checked.add((place.resolve(), source))
            _check_selections(described, used, data.shape)
    mapped = sum(part.vspace.get_select_npoints() for used in parts.values() for part in used)
    if mapped < found.size:
        raise ValueError(
            f"{path}: {name!r} is incomplete: its sources hold {mapped} of its {found.size} values"
        )


def _check_selections(described: str, used: Sequence[Part], shape: tuple[int, ...]) -> None:
    """Raise ValueError unless the parts of a source that a virtual dataset uses exist in it."""
    for part in used:
        if part.src_space.get_select_type() == h5py.h5s.SEL_ALL:
            fits, expected = prod(shape) == part.vspace.get_select_npoints(), "as many values as are used"
        else:
            _, last = part.src_space.get_select_bounds()
            fits = len(last) == len(shape) and all(i < n for i, n in zip(last, shape, strict=True))
            expected = f"at least {[i + 1 for i in last]}"
        if not fits:
            raise ValueError(f"{described} has shape {list(shape)}, expected {expected}")


def _check_raw_files(path: Path, name: str, found: h5py.Dataset) -> None:
    needed = found.size * found.dtype.itemsize
    for raw, offset, size in raw_files(found.id):
        file, here = path.parent / raw, min(size, needed)
        if not file.is_file():
            raise ValueError(f"{path}: {name!r} is stored in {raw!r}, which is missing")
        if file.stat().st_size < offset + here:
            raise ValueError(
                f"{path}: {name!r} is stored in {raw!r}, which has {file.stat().st_size} bytes, expected "
                f"{offset + here}"
            )
        needed -= here
