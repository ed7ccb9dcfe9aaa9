"""Digests of arrays and of the files that hold them: whether what is read is what was written."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from cape.datasets.bounded_text import read_json

FILE = "digests.json"
_MOST_BYTES = 64 * 2**20
Entries = dict[str, list]


class Digests(NamedTuple):
    """What a folder of arrays contains.

    Attributes:
        arrays: dtype, shape and SHA-256 of every array, by its path in the pytree.
        files: the SHA-256 of every file, by its path in the folder.
    """

    arrays: Entries
    files: dict[str, str]


class Damaged(Exception):
    """Something is not what was written."""


def array_digests(arrays: Any) -> Entries:
    """Return dtype, shape and SHA-256 of every array of a pytree, by its path."""
    return {
        jax.tree_util.keystr(path): [*_dtype_and_shape(array), _sha256_of_array(np.asarray(array))]
        for path, array in jax.tree.leaves_with_path(arrays)
    }


def write(folder: Path, arrays: Any) -> None:
    """Write the digests of a folder into it; `arrays` is the pytree that its files hold."""
    content = {"arrays": array_digests(arrays), "files": _file_digests(folder)}
    text = json.dumps(content | {"sha256": _sha256_of_entries(content)})
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> Digests:
    """Read the digests of a folder and verify all its files.

    Raises:
        Damaged: a file is missing or differs from what was written.
    """
    try:
        content = read_json(folder / FILE, _MOST_BYTES)
        digest = content.pop("sha256")
        found = Digests(content["arrays"], content["files"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise Damaged(f"{FILE} is {'missing' if isinstance(error, OSError) else 'damaged'}") from error
    if _sha256_of_entries(content) != digest:
        raise Damaged(f"{FILE} is damaged")
    files = _file_digests(folder)
    for name, expected in found.files.items():
        if files.get(name) != expected:
            raise Damaged(f"{name} is {'damaged' if name in files else 'missing'}")
    return found


def first_difference(found: Entries, arrays: Any) -> str | None:
    """Return the first array whose dtype or shape differs or that only one side has, in words; None if all agree."""
    expected = {
        jax.tree_util.keystr(path): _dtype_and_shape(array)
        for path, array in jax.tree.leaves_with_path(arrays)
    }
    for path in [*expected, *found]:
        ours, other = expected.get(path), found.get(path)
        if ours is None or other is None or ours != other[:2]:
            return f"{path}: {_shown(other)} is saved, {_shown(ours)} is configured"
    return None


def _dtype_and_shape(array: Any) -> list:
    return [str(array.dtype), list(array.shape)]


def _shown(entry: list | None) -> str:
    return "nothing" if entry is None else f"{entry[0]}[{', '.join(map(str, entry[1]))}]"


def _file_digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / FILE)
    found = {}
    for path in files:
        with path.open("rb") as file:
            found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _sha256_of_array(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).hexdigest()


def _sha256_of_entries(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
