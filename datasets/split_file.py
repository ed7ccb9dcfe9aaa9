"""The file split.json: which initial conditions a surrogate was trained and validated on."""

import json
from collections.abc import Iterable
from pathlib import Path

from cape.atomic import write_text

FILE = "split.json"


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
    return tuple(sorted({int(n) for part in ("training", "validation") for n in content[part]}))


def _read(file: Path) -> dict[str, list] | None:
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        for part in ("training", "validation"):
            content[part] = [int(n) for n in content[part]]
        return content
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file}: expected lists `training` and `validation` ({error!r})") from error
