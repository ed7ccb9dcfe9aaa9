"""Damage pretrained folders: nested JSON, and the header and data of weights."""

from __future__ import annotations

import json
import random
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import odd_values
from mutations import flip

CONFIG, WEIGHTS, SPLIT = "config.json", "weights.safetensors", "split.json"


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of every value of nested JSON."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from _places(node[key])


def changed_json(rng: random.Random, data: Any) -> None:
    """Replace, remove, rename, repeat or exchange values of nested JSON, in place."""
    places = list(_places(data))
    container, key = rng.choice(places)
    kind = rng.randrange(8)
    if kind <= 3:
        numeric = isinstance(container[key], int | float)
        container[key] = rng.choice(odd_values.NUMBERS) if numeric and kind else odd_values.plain(rng)
    elif kind == 4:
        del container[key]
    elif kind == 5 and isinstance(container, dict):
        container[rng.choice([*odd_values.TEXTS, key.upper(), key + "s"])] = container.pop(key)
    elif kind == 6 and isinstance(container[key], list):
        container[key] = container[key] * rng.choice([0, 2, 300])
    else:
        other, other_key = rng.choice(places)
        container[key] = json.loads(json.dumps(other[other_key]))


def changed_text(rng: random.Random, text: str) -> bytes:
    """Damage JSON as text."""
    i, j = sorted(rng.randrange(len(text) + 1) for _ in range(2))
    inserted = rng.choice(
        ["", "[" * 2000, "{", '"a": 1, ', "9" * 5000, "NaN", "1e999", "\0", "\ufeff", ",", "\\ud800"]
    )
    content = (text[:i] + inserted + text[rng.choice([i, i, j]) :]).encode("utf-8", "surrogatepass")
    return rng.choice(
        [content, content, content[: rng.randrange(len(content) + 1)], flip(rng, content), b"\xff" + content]
    )


def changed_header(rng: random.Random, header: dict[str, Any]) -> None:
    """Change one entry of the header of a safetensors file, in place."""
    names = [name for name in header if name != "__metadata__"]
    name = rng.choice(names)
    entry, start, stop = header[name], *header[name]["data_offsets"]
    kind = rng.randrange(10)
    if kind == 0:
        entry["dtype"] = rng.choice(
            ["F64", "F16", "BF16", "I32", "U8", "BOOL", "F8_E4M3", "F4", "C64", "x", 1, None]
        )
    elif kind == 1:
        entry["shape"] = rng.choice(
            [[], [0], [2**62, 4], [-1], entry["shape"][::-1], [1, *entry["shape"]], "x", None, [0.5]]
        )
    elif kind == 2:
        entry["data_offsets"] = rng.choice(
            [
                [start + 4, stop],
                [start, stop + 4],
                [stop, start],
                [0, 2**63],
                [-1, 5],
                [start],
                "x",
                [0, stop - start],
            ]
        )
    elif kind == 3:
        del header[name]
    elif kind == 4:
        header[rng.choice([*odd_values.TEXTS, "conditioning", name + ".x"])] = header.pop(name)
    elif kind == 5:
        other = rng.choice(names)
        header[name], header[other] = header[other], header[name]
    elif kind == 6:
        header["__metadata__"] = rng.choice(
            [{}, {"sha256": "0" * 64}, {"sha256": 1}, {"x": "y"}, [], None, "x"]
        )
    elif kind == 7:
        header[name] = odd_values.plain(rng)
    elif kind == 8:
        header["new"] = {"dtype": "F32", "shape": [0], "data_offsets": [stop, stop]}
    else:
        changed_json(rng, header)


def split_weights(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header and the data of a safetensors file."""
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def join_weights(header: Any, data: bytes) -> bytes:
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(text)) + text + data


def changed_weights(rng: random.Random, content: bytes) -> bytes:
    """Damage a safetensors file: its header, its data, its length, or any of its bytes."""
    header, data = split_weights(content)
    kind = rng.randrange(6)
    if kind <= 2:
        for _ in range(rng.choice([1, 1, 2])):
            changed_header(rng, header)
        return join_weights(header, data)
    if kind == 3:
        return rng.choice(
            [content[: rng.randrange(len(content))], content + b"\0" * rng.choice([1, 4, 1000])]
        )
    if kind == 4:
        length = rng.choice([0, 1, 2**30, 2**63, 2**64 - 1, len(content), rng.randrange(len(content))])
        return struct.pack("<Q", length) + content[8:]
    return flip(rng, content)


def mutated(seed: int, folder: Path, *, source: Path) -> Path:
    """Write the pretrained folder of a seed: a copy of `source` with one or two changes."""
    rng = random.Random(seed)
    target = folder / "surrogate"
    shutil.copytree(source, target)
    for _ in range(rng.choice([1, 1, 1, 2])):
        name = rng.choice([CONFIG, CONFIG, CONFIG, WEIGHTS, WEIGHTS, SPLIT])
        file = target / name
        if name == WEIGHTS:
            file.write_bytes(_retried(rng, file.read_bytes()))
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        if rng.random() < 0.3:
            file.write_bytes(changed_text(rng, text))
            continue
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):  # damaged already
            continue
        for _ in range(rng.choice([1, 1, 2])):
            changed_json(rng, data)
        file.write_text(json.dumps(data), encoding="utf-8", errors="surrogatepass")
    return target


def _retried(rng: random.Random, content: bytes) -> bytes:
    try:
        return changed_weights(rng, content)
    except (ValueError, TypeError, KeyError, IndexError, struct.error):  # damaged already
        return flip(rng, content)
