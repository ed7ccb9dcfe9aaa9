"""Damage the structure of HDF5 files before they are written, and their bytes afterwards."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import odd_values
from structure import LAYOUTS, Item, Structure

Mutation = Callable[[random.Random, Structure], None]
NAMES = [
    "x",
    "time",
    "nu",
    "a\nb",
    "\x1b[2J",
    "ü",
    "k(",
    "0003",
    "..",
    "a:b",
    "n" * 300,
    "data",
    "channels",
    "density",
]
STORED = [
    {"chunks": True},
    {"compression": "gzip", "shuffle": True},
    {"compression": "lzf"},
    {"fletcher32": True},
    {"chunks": True, "maxshape": None},
    {"scaleoffset": 3},
]


def _attributes(rng: random.Random, s: Structure) -> dict[str, Any]:
    """Return the attributes of one object, mostly of one that has some."""
    having = list(s.attributes) or [""]
    name = rng.choice(having if rng.random() < 0.8 else [*s.items, *s.groups, ""])
    return s.attributes.setdefault(name, {})


def attribute_value(rng: random.Random, s: Structure) -> None:
    attributes = _attributes(rng, s)
    known = list(attributes) or ["equation", "boundary", "channels", "parameters", "field_names", "config"]
    attributes[rng.choice(known)] = odd_values.attribute(rng)


def attribute_absent(rng: random.Random, s: Structure) -> None:
    attributes = _attributes(rng, s)
    if attributes:
        del attributes[rng.choice(list(attributes))]


def attribute_added(rng: random.Random, s: Structure) -> None:
    names = ["equation", "boundary", "channels", "parameters", "Nu", "nu", "beta", "k", *NAMES]
    _attributes(rng, s)[rng.choice(names)] = odd_values.attribute(rng)


def text_changed(rng: random.Random, s: Structure) -> None:
    """Change, insert or repeat a piece of a text, such as the YAML of a group."""
    found = [(a, key) for a in s.attributes.values() for key, value in a.items() if isinstance(value, str)]
    if not found:
        return attribute_value(rng, s)
    attributes, key = rng.choice(found)
    text = attributes[key]
    i, j = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    inserted = rng.choice(
        ["", "[", "{", ": ", "\n", "&a *a", "<<: ", "!!python/name:x ", "1e999", "- ", "\t", "9" * 500]
    )
    attributes[key] = text[:i] + inserted + rng.choice([text[j:], text[i:]])
    return None


def dataset_values(rng: random.Random, s: Structure) -> None:
    name = rng.choice(list(s.items))
    s.items[name] = Item(odd_values.array(rng, np.asarray(s.items[name].values)))


def dataset_absent(rng: random.Random, s: Structure) -> None:
    del s.items[rng.choice(list(s.items))]


def dataset_renamed(rng: random.Random, s: Structure) -> None:
    name = rng.choice(list(s.items))
    folder = name.rpartition("/")[0]
    s.items["/".join([folder, rng.choice(NAMES)]).lstrip("/")] = s.items.pop(name)


def dataset_added(rng: random.Random, s: Structure) -> None:
    similar = s.items[rng.choice(list(s.items))]
    s.items[rng.choice([*NAMES, *(f"{g}/{n}" for g in s.attributes if g for n in NAMES)])] = similar


def datasets_swapped(rng: random.Random, s: Structure) -> None:
    a, b = rng.choice(list(s.items)), rng.choice(list(s.items))
    s.items[a], s.items[b] = s.items[b], s.items[a]


def dataset_stored(rng: random.Random, s: Structure) -> None:
    item = s.items[rng.choice(list(s.items))]
    options = dict(rng.choice(STORED))
    if "maxshape" in options:
        options["maxshape"] = (None,) * np.ndim(item.values)
    item.options = options


def never_written(rng: random.Random, s: Structure) -> None:
    name = rng.choice(list(s.items))
    shape = np.shape(s.items[name].values)
    shape = tuple(n * rng.choice([1, 1, 10**6]) for n in shape)
    s.items[name] = Item(
        None, {"shape": shape, "dtype": "f4", "chunks": rng.choice([None, tuple(min(n, 8) for n in shape)])}
    )


def texts_as_data(rng: random.Random, s: Structure) -> None:
    name = rng.choice(list(s.items))
    shape = np.shape(s.items[name].values)
    s.items[name] = Item(np.full(shape, rng.choice(odd_values.TEXTS), object), {"dtype": h5py.string_dtype()})


def link(rng: random.Random, s: Structure) -> None:
    name = rng.choice([*s.items, *(n.partition("/")[0] for n in s.items), *NAMES])
    target = rng.choice(["/", name, "/none", rng.choice(list(s.items))])
    place = rng.choice(["none.h5", s.file_name, "/dev/zero", "/etc/passwd", "../x.h5"])
    s.links[name] = rng.choice(
        [h5py.SoftLink(target), h5py.ExternalLink(place, target), rng.choice(list(s.items))]
    )


def empty_group(rng: random.Random, s: Structure) -> None:
    name = rng.choice(list(s.items))
    del s.items[name]
    s.groups.append(name)


def file_name(rng: random.Random, s: Structure) -> None:
    stem, _, suffix = s.file_name.rpartition(".")
    parts = stem.split("_")
    parts[rng.randrange(len(parts))] = rng.choice(
        ["", "trans", "Nu1e999", "Nu", "k(", "rdb", "\x1b[1m", "a b", "ü"]
    )
    s.file_name = "_".join(parts) + "." + rng.choice([suffix, suffix, "h5", "hdf5"])


STRUCTURAL: tuple[Mutation, ...] = (
    attribute_value,
    attribute_value,
    attribute_absent,
    attribute_added,
    text_changed,
    text_changed,
    dataset_values,
    dataset_values,
    dataset_values,
    dataset_absent,
    dataset_renamed,
    dataset_added,
    datasets_swapped,
    dataset_stored,
    never_written,
    texts_as_data,
    link,
    empty_group,
    file_name,
)


def flip(rng: random.Random, content: bytes, most: int = 4) -> bytes:
    """Change a few bits or bytes, mostly where bytes are not zero, as the structure of a file is there."""
    changed = bytearray(content)
    used = [i for i, byte in enumerate(content) if byte] or [0]
    for _ in range(rng.randrange(1, most + 1)):
        i = min(max(rng.choice(used) + rng.choice([0, 0, 0, 1, -1]), 0), len(changed) - 1)
        changed[i] = rng.choice([0, 1, 255, 127, changed[i] ^ (1 << rng.randrange(8)), rng.randrange(256)])
    return bytes(changed)


def mutated(seed: int, folder: Path) -> Path:
    """Write the file of a seed: a layout with one to three changes of its structure, or of its bytes as well."""
    rng = random.Random(seed)
    layout = list(LAYOUTS.values())[seed % len(LAYOUTS)]
    while True:
        structure = layout()
        try:
            for _ in range(rng.choice([1, 1, 2, 3])):
                rng.choice(STRUCTURAL)(rng, structure)
            if rng.random() < 0.2:
                structure.version = "latest"
            path = structure.write(folder)
            break
        except Exception:
            for file in folder.iterdir():  # nothing is left to change, or HDF5 does not allow this structure
                file.unlink()
    if rng.random() < 0.25:
        path.write_bytes(flip(rng, path.read_bytes()))
    return path
