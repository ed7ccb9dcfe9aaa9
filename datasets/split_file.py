"""The file split.json: which initial conditions a surrogate was trained and validated on."""

import json
from collections.abc import Iterable
from pathlib import Path

from cape.atomic import write_text

FILE = "split.json"


def write_split(folder: Path, training: Iterable[int], validation: Iterable[int]) -> None:
    """Write the numbers of the initial conditions of both parts."""
    split = {
        "training": sorted({int(n) for n in training}),
        "validation": sorted({int(n) for n in validation}),
    }
    write_text(folder / FILE, json.dumps(split) + "\n")


def read_split(folder: Path) -> tuple[int, ...] | None:
    """Return the initial conditions used for training or validation, or None if the folder does not record them.

    Raises:
        ValueError: the file is damaged.
    """
    file = Path(folder) / FILE
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return tuple(sorted({int(n) for part in ("training", "validation") for n in content[part]}))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file}: expected lists `training` and `validation` ({error!r})") from error
