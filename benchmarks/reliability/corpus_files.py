"""Damaged data files of all layouts, for corpus.py."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import odd_values
from mutations import STRUCTURAL, flip
from reading import read_all
from structure import LAYOUTS, Item, Structure
from trial import Case

Edit = Callable[[Structure], None]


def damaged_files() -> Iterator[Case]:
    """Yield the cases of all layouts."""
    for name, layout in LAYOUTS.items():
        plain, sealed = partial(_of, layout), partial(_sealed, layout)
        digest = _digest(sealed)
        yield from _bytes(name, plain, None, flips=14)
        yield from _bytes(f"{name} sealed", sealed, digest, flips=14)
        yield from _structures(name, layout)
        yield from _stored_elsewhere(name, layout)
    yield from _texts()
    yield from _special()


def _of(layout: Callable[[], Structure], folder: Path) -> Path:
    return layout().write(folder)


def _sealed(layout: Callable[[], Structure], folder: Path) -> Path:
    return layout().sealed().write(folder)


def _digest(make: Callable[[Path], Path]) -> str:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return read_all(make(Path(folder)))


def _bytes(name: str, make: Callable[[Path], Path], expected: str | None, flips: int) -> Iterator[Case]:
    """Truncated files, and files with flipped bits and bytes."""

    def cut(part: float, folder: Path) -> Path:
        path = make(folder)
        os.truncate(path, int(part * path.stat().st_size))
        return path

    def flipped(seed: int, folder: Path) -> Path:
        path = make(folder)
        path.write_bytes(flip(random.Random(seed), path.read_bytes(), most=1 + seed % 3))
        return path

    for part in (0.0, 0.001, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999):
        yield Case(f"{name}: cut to {part}", partial(cut, part), read_all, expected)
    for seed in range(flips):
        yield Case(f"{name}: flipped {seed}", partial(flipped, seed), read_all, expected)


def _edited(layout: Callable[[], Structure], edit: Edit, folder: Path) -> Path:
    structure = layout()
    edit(structure)
    return structure.write(folder)


def _structures(name: str, layout: Callable[[], Structure]) -> Iterator[Case]:
    """Every dataset missing, of another type, another shape and never written; every attribute missing and odd."""
    first = layout()
    for item in first.items:
        edits: dict[str, Edit] = {
            "missing": lambda s, item=item: s.items.pop(item),
            "text": lambda s, item=item: s.items.update(
                {
                    item: Item(
                        np.full(np.shape(s.items[item].values), "x", object), {"dtype": h5py.string_dtype()}
                    )
                }
            ),
            "complex": lambda s, item=item: s.items.update(
                {item: Item(np.asarray(s.items[item].values) * 1j)}
            ),
            "another shape": lambda s, item=item: s.items.update(
                {item: Item(np.asarray(s.items[item].values)[None])}
            ),
            "never written": lambda s, item=item: s.items.update(
                {item: Item(None, {"shape": np.shape(s.items[item].values), "dtype": "f4", "chunks": True})}
            ),
            "huge": lambda s, item=item: s.items.update(
                {item: Item(None, {"shape": (2**20, 2**12, 2**8), "dtype": "f4", "chunks": (1, 64, 64)})}
            ),
            "a dangling link": lambda s, item=item: (
                s.items.pop(item),
                s.links.update({item: h5py.SoftLink("/nowhere")}),
            ),
            "a link to itself": lambda s, item=item: (
                s.items.pop(item),
                s.links.update({item: h5py.SoftLink(item)}),
            ),
            "an external link to nothing": lambda s, item=item: (
                s.items.pop(item),
                s.links.update({item: h5py.ExternalLink("none.h5", item)}),
            ),
            "NaN": lambda s, item=item: s.items.update(
                {item: Item(np.full(np.shape(s.items[item].values), np.nan))}
            ),
        }
        for what, edit in edits.items():
            yield Case(f"{name}: {item} is {what}", partial(_made, partial(_edited, layout, edit)), read_all)
    for place, attributes in first.attributes.items():
        for key in attributes:
            for number in range(3):
                yield Case(
                    f"{name}: {place}@{key} is odd {number}",
                    partial(_made, partial(_edited, layout, partial(_odd_attribute, place, key, number))),
                    read_all,
                )


def _odd_attribute(place: str, key: str, number: int, structure: Structure) -> None:
    structure.attributes[place][key] = odd_values.attribute(random.Random(f"{place}{key}{number}"))


def _made(make: Callable[[Path], Path], folder: Path) -> Path:
    """Write a file; if HDF5 does not allow it, a random other structure of the same kind takes its place."""
    try:
        return make(folder)
    except Exception:
        path = folder / "refused_by_hdf5.h5"
        path.unlink(missing_ok=True)
        path.write_bytes(b"\x89HDF\r\n\x1a\n")
        return path


def _stored_elsewhere(name: str, layout: Callable[[], Structure]) -> Iterator[Case]:
    """The first field in raw files, virtual datasets and external links, inside the folder and outside."""
    field = max(layout().items, key=lambda item: np.size(layout().items[item].values))
    shape = np.shape(layout().items[field].values)

    def write(add: Callable[[h5py.File, str], None], folder: Path) -> Path:
        structure = layout()
        del structure.items[field]
        path = structure.write(folder)
        with h5py.File(path, "r+") as file:
            add(file, field)
        return path

    for raw in ("/etc/passwd", "/dev/zero", "raw.bin", "../raw.bin", "/dev/stdin"):
        add = partial(_external, shape, raw)
        yield Case(f"{name}: {field} in the raw file {raw}", partial(_made, partial(write, add)), read_all)
    for source in ("none.h5", "/dev/zero", "../x.h5", ".", "/etc/passwd"):
        add = partial(_virtual, shape, source)
        yield Case(f"{name}: {field} is virtual, of {source}", partial(_made, partial(write, add)), read_all)
    for target in ("/dev/zero", "../x.h5", "/etc/passwd", "."):
        yield Case(
            f"{name}: {field} is a link to {target}",
            partial(
                _made, partial(write, lambda file, f, t=target: file.update({f: h5py.ExternalLink(t, f)}))
            ),
            read_all,
        )


def _external(shape: tuple[int, ...], raw: str, file: h5py.File, field: str) -> None:
    file.create_dataset(field, shape, "f4", external=[(raw, 0, 4 * int(np.prod(shape)))])


def _virtual(shape: tuple[int, ...], source: str, file: h5py.File, field: str) -> None:
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource(source, field, shape)
    file.create_virtual_dataset(field, layout)


def _texts() -> Iterator[Case]:
    """Damaged heaps of texts of variable length: every size and reference in them."""

    def write(layout: Callable[[], Structure], offset: int, value: int, folder: Path) -> Path:
        path = layout().write(folder)
        content = bytearray(path.read_bytes())
        start = content.index(b"GCOL") + offset
        content[start : start + 8] = value.to_bytes(8, "little")
        path.write_bytes(content)
        return path

    for name in ("samples", "the_well", "written"):
        for offset in (8, 16, 24, 40, 48, 56, 72):
            for value in (0, 1, 3500, 2**40, 2**64 - 1):
                make = partial(write, LAYOUTS[name], offset, value)
                yield Case(f"{name}: heap {offset} = {value}", partial(_made, make), read_all)


def _special() -> Iterator[Case]:
    """What is no file of data: empty ones, folders, sockets, pipes, devices, links in circles, and other formats."""

    def socketed(path: Path) -> None:
        place = os.getcwd()
        os.chdir(path.parent)  # names of sockets are short
        socket.socket(socket.AF_UNIX).bind(path.name)
        os.chdir(place)

    makers: dict[str, Callable[[Path], object]] = {
        "empty": lambda p: p.touch(),
        "a folder": lambda p: p.mkdir(),
        "a pipe": os.mkfifo,
        "a socket": socketed,
        "a link to /dev/zero": lambda p: p.symlink_to("/dev/zero"),
        "a link to itself": lambda p: p.symlink_to(p.name),
        "a link to nothing": lambda p: p.symlink_to("nothing.h5"),
        "zeros": lambda p: p.write_bytes(bytes(10_000)),
        "random bytes": lambda p: p.write_bytes(random.Random(0).randbytes(10_000)),
        "a signature": lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600)),
        "gzip": lambda p: p.write_bytes(b"\x1f\x8b\x08" + bytes(100)),
        "a hole of 1 TB": lambda p: (p.touch(), os.truncate(p, 2**40)),
        "unreadable": lambda p: (LAYOUTS["scalar"]().write(p.parent).rename(p), p.chmod(0)),
        "missing": lambda p: None,
    }

    def write(suffix: str, maker: Callable[[Path], object], folder: Path) -> Path:
        path = folder / f"given{suffix}"
        maker(path)
        return path

    for suffix in (".h5", ".hdf5", ".txt"):
        for what, maker in makers.items():
            yield Case(f"{what}{suffix}", partial(write, suffix, maker), read_all)


def structural(count: int) -> Iterator[Case]:
    """Every change of the fuzz by itself, `count` times."""

    def write(layout: Callable[[], Structure], mutate: Callable, seed: int, folder: Path) -> Path:
        structure = layout()
        mutate(random.Random(seed), structure)
        return structure.write(folder)

    for mutate in dict.fromkeys(STRUCTURAL):
        for seed in range(count):
            layout = list(LAYOUTS.values())[seed % len(LAYOUTS)]
            make = partial(_made, partial(write, layout, mutate, seed))
            yield Case(f"{mutate.__name__} {seed}", make, read_all)
