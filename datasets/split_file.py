"""The file split.json: which initial conditions a surrogate was trained and validated on."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from cape.atomic import write_text
from cape.datasets.bounded_text import read_json
from cape.datasets.initial_conditions import ConditionRecord
from cape.datasets.trajectories import Numbering

FILE = "split.json"
MOST_BYTES = 64 * 2**20


def write_split(
    folder: Path,
    training: Iterable[int],
    validation: Iterable[int],
    fingerprints: Iterable[str] = (),
    record: ConditionRecord | None = None,
) -> None:
    """Write the numbers of the initial conditions of both parts.

    Args:
        fingerprints: of the data, if there are any.
        record: what identifies the initial conditions in other files.
    """
    split: dict[str, Any] = {
        "training": sorted({int(n) for n in training}),
        "validation": sorted({int(n) for n in validation}),
    }
    if fingerprints:
        split["fingerprints"] = list(fingerprints)
    if record is not None:
        split["first_frames"] = _to_json(record)
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
    return None if content is None else _numbers(content)


def read_record(folder: Path) -> ConditionRecord | None:
    """Return what identifies the initial conditions of training and validation, or None in folders without it.

    Folders that were written before version 0.2 have numbers only.

    Raises:
        ValueError: the file is damaged.
    """
    content = _read(Path(folder) / FILE)
    if content is None or "first_frames" not in content:
        return None
    return _from_json(content["first_frames"], _numbers(content))


def _numbers(split: dict[str, Any]) -> tuple[int, ...]:
    return tuple(sorted({n for part in ("training", "validation") for n in split[part]}))


def _read(file: Path) -> dict[str, Any] | None:
    if not file.exists():
        return None
    try:
        content = read_json(file, MOST_BYTES)
        for part in ("training", "validation"):
            _check_integers(content[part], part)
        _check_texts(content.get("fingerprints", []), "fingerprints")
        if "first_frames" in content:
            _from_json(content["first_frames"], ())
        return content
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file}: expected lists `training` and `validation` ({error!r})") from error


def _check_texts(found: Any, name: str) -> None:
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ValueError(f"{name!r} is not a list of texts")


def _check_integers(found: Any, name: str) -> None:
    if not isinstance(found, list) or not all(type(n) is int and abs(n) < 2**63 for n in found):
        raise ValueError(f"{name!r} is not a list of integers")


def _to_json(record: ConditionRecord) -> dict[str, Any]:
    content: dict[str, Any] = {
        "numbering": record.numbering,
        "identities": list(record.identities),
        "ambiguous": list(record.ambiguous),
    }
    if record.earlier is not None:
        content["earlier"] = {"numbers": list(record.earlier.numbers)} | _to_json(record.earlier)
    return content


def _from_json(content: dict[str, Any], numbers: tuple[int, ...]) -> ConditionRecord:
    for name in ("identities", "ambiguous"):
        _check_texts(content[name], name)
    if content["numbering"] not in get_args(Numbering):
        raise ValueError(f"'numbering' is not one of {get_args(Numbering)}")
    before, earlier = content.get("earlier"), None
    if before is not None:
        _check_integers(before["numbers"], "numbers")
        earlier = _from_json(before, tuple(before["numbers"]))
    identities, ambiguous = tuple(content["identities"]), tuple(content["ambiguous"])
    return ConditionRecord(numbers, content["numbering"], identities, ambiguous, earlier)
