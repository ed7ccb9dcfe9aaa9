"""Tables of parameters in a CSV or JSON file beside the data."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cape.registry import nearest

FILE_COLUMNS = ("file", "filename", "file_name", "path", "name")
MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of a table.

    Attributes:
        path: its file.
        columns: text by the name of the column, one for each row.
        files: the file of each row, or None if rows are in the order of the samples or files.
    """

    path: Path
    columns: Mapping[str, tuple[str, ...]]
    files: tuple[str, ...] | None

    @property
    def rows(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def numeric_columns(self) -> list[str]:
        """Return the names of the columns that hold finite numbers only."""
        return [name for name, texts in self.columns.items() if _numbers(texts) is not None]

    def column(self, name: str) -> np.ndarray:
        """Return a column of numbers [row].

        Raises:
            ValueError: there is none, or it holds something else; the message names the row.
        """
        if name not in self.columns:
            raise ValueError(f"{self.path}: no column {name!r}; {nearest(name, self.columns)}")
        values = _numbers(self.columns[name])
        if values is None:
            row = next(i for i, text in enumerate(self.columns[name]) if _numbers([text]) is None)
            raise ValueError(
                f"{self.path}: column {name!r}, row {row + 1}: {self.columns[name][row]!r} is no finite number"
            )
        return values

    def rows_of(self, file: Path, samples: int) -> np.ndarray:
        """Return the rows [1] or [sample] of a file.

        Raises:
            ValueError: there is no row, or neither one nor as many as samples.
        """
        files = self.files or ()
        full = str(file.resolve())
        found = [i for i, name in enumerate(files) if _is_same(name, file, full)]
        if len(found) not in (1, samples):
            raise ValueError(
                f"{self.path}: {len(found) or 'no'} row(s) for {file.name}, expected one, or one for each of its "
                f"{samples} samples"
            )
        return np.array(found)


def read_table(path: Path) -> Table:
    """Read a CSV file with a header line, or a JSON file.

    JSON is a list of objects (rows), an object of lists (columns), or an object of objects (rows by file name).

    Raises:
        ValueError: the file is missing, too large, or has another form.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file; expected a table of parameters (.csv or .json)")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path}: larger than {MOST_BYTES // 2**20} MiB, expected a table of parameters")
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = _json_rows(path, json.loads(text)) if path.suffix == ".json" else _csv_rows(path, text)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, csv.Error) as error:
        raise ValueError(f"{path}: damaged or no table ({error})") from error
    if not rows:
        raise ValueError(f"{path}: no row, expected one for each file or sample")
    names = list(rows[0])
    for number, row in enumerate(rows, 1):
        if list(row) != names:
            raise ValueError(f"{path}: row {number} has {', '.join(row)}; expected {', '.join(names)}")
    of_file = next((name for name in names if name.lower() in FILE_COLUMNS), None)
    columns = {name: tuple(str(row[name]).strip() for row in rows) for name in names}
    return Table(path, columns, None if of_file is None else columns.pop(of_file))


def _csv_rows(path: Path, text: str) -> list[dict[str, Any]]:
    header, *lines = [line for line in csv.reader(text.splitlines()) if line] or [[]]
    names = [name.strip() for name in header]
    if len(set(names)) < len(names) or "" in names:
        raise ValueError(f"{path}: the first line is {header}, expected names of columns that differ")
    for number, line in enumerate(lines, 1):
        if len(line) != len(names):
            raise ValueError(f"{path}: row {number} has {len(line)} entries, expected {len(names)}")
    return [dict(zip(names, line, strict=True)) for line in lines]


def _json_rows(path: Path, found: Any) -> list[dict[str, Any]]:
    if isinstance(found, list) and all(isinstance(row, dict) for row in found):
        return found
    if isinstance(found, dict) and found and all(isinstance(row, dict) for row in found.values()):
        return [{"file": name, **row} for name, row in found.items()]
    if isinstance(found, dict) and found and all(isinstance(column, list) for column in found.values()):
        lengths = {name: len(column) for name, column in found.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{path}: columns of different lengths: {lengths}")
        return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]
    raise ValueError(f"{path}: expected a list of rows, columns, or rows by file name")


def _numbers(texts: Sequence[str]) -> np.ndarray | None:
    try:
        values = np.array([float(text) for text in texts])
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def _is_same(name: str, file: Path, full: str) -> bool:
    return name in (file.name, file.stem) or (full.endswith(f"/{name}") and "/" in name) or name == full
