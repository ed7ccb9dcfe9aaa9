"""Check that all values of a dataset are stored. HDF5 returns fill values where they are not."""

from __future__ import annotations

from math import prod
from pathlib import Path

import h5py

from cape.datasets.hdf5_files import open_hdf5, stored
from cape.datasets.readers.elsewhere import SAME_FILE, located, raw_files, virtual_sources

DEEPEST = 8  # virtual datasets of virtual datasets of ...


def check_written(path: Path, found: h5py.Dataset, depth: int = 0) -> None:
    """Raise ValueError if values of a dataset of the file `path` were never written, or a source is missing."""
    if found.id.get_offset() is not None:  # in one piece in the file, as most are
        return
    plist = found.id.get_create_plist()
    layout = plist.get_layout()
    if not found.size or layout == h5py.h5d.COMPACT:
        return
    name = found.name.removeprefix("/")
    if layout == h5py.h5d.VIRTUAL:
        _check_virtual(path, name, found, depth)
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


def _check_virtual(path: Path, name: str, found: h5py.Dataset, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError(f"{path}: {name!r} is a virtual dataset with sources nested too deeply")
    for file_name, source in virtual_sources(found):
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
            check_written(place, data, depth + 1)
            _check_selections(described, found, (file_name, source), data.shape)
    mapped = sum(source.vspace.get_select_npoints() for source in found.virtual_sources())
    if mapped < found.size:
        raise ValueError(
            f"{path}: {name!r} is incomplete: its sources hold {mapped} of its {found.size} values"
        )


def _check_selections(described: str, found: h5py.Dataset, source: tuple[str, str], shape: tuple) -> None:
    """Raise ValueError unless the parts of a source that a virtual dataset uses exist in it."""
    for part in found.virtual_sources():
        if (part.file_name, part.dset_name) != source:
            continue
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
