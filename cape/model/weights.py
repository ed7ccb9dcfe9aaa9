"""Weights as a safetensors file. Names, dtypes, shapes and sizes are checked before an array is read."""

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse
from safetensors.numpy import save as serialise

from cape.datasets.bounded_text import parse_json

Arrays = Mapping[str, np.ndarray]
DIGEST = "arrays_sha256"  # in the metadata of the header
LARGE = 4 * 2**30  # bytes that a file may have whatever of them is on the disk
MOST_SPARSE = 1000  # times what is on the disk, for larger ones
_MOST_HEADER_BYTES = 16 * 2**20
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_ZIP_START = b"PK\x03\x04"  # PyTorch writes zip files
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BOOL": "bool", "BF16": "bfloat16"} | {
    f"{sign}{bits}": f"{'u' if sign == 'U' else ''}int{bits}" for sign in "UI" for bits in (8, 16, 32, 64)
}


def to_bytes(arrays: Arrays) -> bytes:
    """Return the content of a safetensors file, with a digest of all arrays in its metadata."""
    return serialise(dict(arrays), metadata={DIGEST: digest(arrays)})


def digest(arrays: Arrays) -> str:
    """Compute the SHA-256 of names, dtypes, shapes and values."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(json.dumps([name, array.dtype.name, list(arrays[name].shape)]).encode())
        found.update(array.reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def read_header(file: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return the dtype and shape of every array of a file, reading no array.

    Raises:
        ValueError: the file is missing, not safetensors, or claims more than it holds; the message names it.
    """
    header, _ = _header(file)
    return {
        name: (_DTYPES.get(entry["dtype"], entry["dtype"]), tuple(entry["shape"]))
        for name, entry in header.items()
    }


def read(file: Path, sha256: str | None = None) -> dict[str, np.ndarray]:
    """Read all arrays. Their sizes are those of `read_header`, which is to be called first.

    Args:
        sha256: that of the whole file, if it is known.

    Raises:
        ValueError: the file is damaged, or not the expected one; the message names it.
    """
    _, expected = _header(file)
    try:
        content = file.read_bytes()
    except MemoryError as error:
        raise ValueError(f"{file}: not enough memory to read it") from error
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(
            f"{file}: damaged: not the weights that config.json was published with; copy the folder again"
        )
    try:
        arrays = parse(content)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise _damaged(file, str(error)) from error
    if expected is not None and digest(arrays) != expected:
        raise _damaged(file, "its arrays are not those that were written")
    return arrays


def _header(file: Path) -> tuple[dict[str, Any], str | None]:
    """Return the entries of the header, whose types, shapes and sizes are consistent, and the digest of the arrays."""
    try:
        if file.exists() and not file.is_file():
            raise ValueError(f"{file}: not a regular file")
        with file.open("rb") as stream:
            start = stream.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            text = stream.read(min(length, _MOST_HEADER_BYTES + 1))
            status = file.stat()
            _refuse_holes(file, status)
    except FileNotFoundError:
        raise ValueError(f"{file}: missing; a pretrained folder holds config.json and {file.name}") from None
    except OSError as error:
        raise ValueError(f"{file}: cannot be read ({error.strerror})") from error
    try:
        if not 2 <= length <= _MOST_HEADER_BYTES or len(text) < length:
            raise ValueError(f"its header claims {length} bytes")
        entries = parse_json(text.decode("utf-8"))
        metadata = entries.pop("__metadata__", {})
        data = sum(_checked_bytes(entry) for entry in entries.values())
        if status.st_size != 8 + length + data:
            raise ValueError(f"its header claims {8 + length + data} bytes, it has {status.st_size}")
        return entries, metadata.get(DIGEST)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        # Asked last, because the header of a safetensors file of a certain length starts with the same bytes.
        if (start + text).startswith((*_PICKLE_STARTS, _ZIP_START)):
            raise ValueError(
                f"{file}: a pickled checkpoint, expected safetensors; pickles are never read"
            ) from error
        raise _damaged(file, str(error)) from error


def _checked_bytes(entry: dict[str, Any]) -> int:
    """Return the bytes of an array by its offsets; raise what any wrong entry raises."""
    (start, stop), shape = entry["data_offsets"], entry["shape"]
    numbers = (start, stop, *shape)
    if (
        not isinstance(entry["dtype"], str)
        or not all(type(n) is int and n >= 0 for n in numbers)
        or stop < start
    ):
        raise ValueError(f"an entry {entry} of its header is impossible")
    return stop - start


def _refuse_holes(file: Path, status: Any) -> None:
    """Raise ValueError for a large file of which hardly anything is on the disk."""
    on_disk = 512 * getattr(status, "st_blocks", status.st_size)
    if status.st_size > max(LARGE, MOST_SPARSE * on_disk):
        raise ValueError(f"{file}: claims {status.st_size} bytes, of which {on_disk} are on the disk")


def _damaged(file: Path, why: str) -> ValueError:
    shown = why if len(why) <= 200 else why[:200] + " ..."
    return ValueError(
        f"{file}: damaged, expected a complete safetensors file ({shown}); copy the folder again"
    )
