"""NumPy's files: .npy, and .npz archives. Nothing is unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cape.datasets.formats.array_file import ArrayFile, Contents, LazyArray

ONLY_ARRAY = "u"  # the name of the array of an .npy file
_LOCAL_HEADER = 30  # bytes of a zip archive's local header before the name


@dataclass(frozen=True)
class NpyFile(ArrayFile):
    """One array, which stays on disk as a memory map."""

    path: Path

    @contextmanager
    def reading(self) -> Iterator[Contents]:
        try:
            array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(f"{self.path}: {_why(error)}") from error
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{self.path}: an archive of arrays, expected one array; rename it to .npz")
        yield Contents({ONLY_ARRAY: array})


@dataclass(frozen=True)
class NpzFile(ArrayFile):
    """Several arrays. Those of `np.savez` stay on disk; those of `np.savez_compressed` are read whole when needed."""

    path: Path

    @contextmanager
    def reading(self) -> Iterator[Contents]:
        try:
            archive = zipfile.ZipFile(self.path)
        except zipfile.BadZipFile as error:
            raise ValueError(
                f"{self.path}: not a complete .npz archive ({error}); expected a file that `np.savez` has "
                "finished writing"
            ) from error
        with archive:
            members = {info.filename: info for info in archive.infolist() if info.filename.endswith(".npy")}
            arrays = {name[:-4]: _member(self.path, archive, info) for name, info in members.items()}
            yield Contents(arrays)


class _Compressed:
    """A member of an archive that is read whole, once, when it is first needed."""

    def __init__(self, archive: zipfile.ZipFile, member: str, shape: tuple[int, ...], dtype: np.dtype):
        self.shape, self.dtype = shape, dtype
        self._archive, self._member = archive, member
        self._values: np.ndarray | None = None

    def __getitem__(self, key: Any) -> np.ndarray:
        if self._values is None:
            with self._archive.open(self._member) as stream:
                self._values = np.lib.format.read_array(stream, allow_pickle=False)
        return self._values[key]


def _member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> LazyArray:
    """Return a member as a memory map if it is not compressed.

    Raises:
        ValueError: its header is damaged, or it holds Python objects.
    """
    try:
        with archive.open(info) as stream:
            version = np.lib.format.read_magic(stream)
            header = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, fortran, dtype = header(stream)
            start = stream.tell()
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: {info.filename}: {_why(error)}") from error
    if info.compress_type != zipfile.ZIP_STORED or dtype.hasobject or 0 in shape:
        return _Compressed(archive, info.filename, shape, dtype)
    with open(path, "rb") as file:
        file.seek(info.header_offset)
        local = file.read(_LOCAL_HEADER)
    lengths = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
    offset = info.header_offset + _LOCAL_HEADER + lengths + start
    return np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")


def _why(error: Exception) -> str:
    if "object" in str(error).lower():
        return (
            "holds Python objects, which are not read, as unpickling can run any code; save numbers instead"
        )
    return f"damaged, truncated or still being written ({error})"
