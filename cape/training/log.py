"""The log of a training: JSON lines."""

import json
import math
from pathlib import Path
from typing import Any

from cape.atomic import write_text
from cape.datasets.bounded_text import parse_json

FILE = "metrics.jsonl"


class TrainingLog:
    """Append one JSON object for each epoch to `folder/metrics.jsonl`.

    Args:
        folder: the run's folder; None keeps the records in memory only.
        from_step: records after this step are dropped, because a resumed training writes them again.
        retries: records of later retries after a divergence are dropped as well.
    """

    def __init__(self, folder: Path | None, *, from_step: int = 0, retries: int = 0):
        self.path = None if folder is None else Path(folder) / FILE
        if self.path is not None:
            known = read(self.path) if self.path.exists() else []
            kept = [r for r in known if r["step"] <= from_step and r.get("retry", 0) <= retries]
            write_text(self.path, "".join(json.dumps(record) + "\n" for record in kept))

    def add(self, record: dict[str, Any]) -> None:
        """Append a record. Numbers that are not finite are written as null."""
        clean = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps(clean) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """Read the records of a run, one dictionary for each epoch. A last line that is incomplete is left out.

    Raises:
        ValueError: another line is damaged.
    """
    records, lines = [], Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        try:
            record = parse_json(line)
            if not (isinstance(record, dict) and type(record.get("step")) is int):
                raise ValueError("a record has a `step`")
        except ValueError as error:
            if number == len(lines):
                break
            raise ValueError(f"{path}: line {number} is damaged ({error}); remove it") from error
        records.append(record)
    return records
