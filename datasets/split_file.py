"""The file split.json: which initial conditions a surrogate was trained and validated on."""

import json
from collections.abc import Iterable
from pathlib import Path

from cape.atomic import write_text
from cape.datasets.bounded_text import read_json

FILE = "split.json"
MOST_BYTES = 64 * 2**20


def write_split(
    folder: Path, training: Iterable[int], validation: Iterable[int], fingerprints: Iterable[str] = ()
) -> None:
    """Write the numbers of the initial conditions of both parts, and the fingerprints of the data if there are any."""
    split: dict[str, list] = {
        "training": sorted({int(n) for n in training}),
        "validation": sorted({int(n) for n in validation}),
    }
    if fingerprints:
        split["fingerprints"] = list(fingerprints)
    write_text(folder / FILE, json.dumps(split) + "\n")


def read_fingerprints(folder: Path) -> tuple[str, ...]:
    """Return the fingerprints of the training and the validation data; empty if the folder does not record them.

    Raises:
        ValueError: the file is damaged.
    """
    content = _read(Path(folder) / FILE)
    return () if content is None else tuple(map(str, content.get("fingerprints", ())))


def read_split(folder: Path) -> tuple[int, ...] | None:
    """Return the initial conditions used for training or validation, or None if the folder does not record them.

    Raises:
        ValueError: the file is damaged.
    """
    content = _read(Path(folder) / FILE)
    if content is None:
        return None
    return tuple(sorted({n for part in ("training", "validation") for n in content[part]}))


def _read(file: Path) -> dict[str, list] | None:
    if not file.exists():
        return None
    try:
        content = read_json(file, MOST_BYTES)
        for part in ("training", "validation"):
            numbers = content[part]
            if not isinstance(numbers, list) or not all(type(n) is int and abs(n) < 2**63 for n in numbers):
                raise ValueError(f"{part!r} is not a list of integers")
        if not all(isinstance(text, str) for text in content.get("fingerprints", ())):
            raise ValueError("'fingerprints' is not a list of texts")
        return content
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file}: expected lists `training` and `validation` ({error!r})") from error
