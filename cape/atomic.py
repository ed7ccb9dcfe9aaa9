"""Atomic writing: a file or folder appears under its name once it is complete."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`, for a file or a folder, and rename it to `path` at the end.

    The folder of `path` is made if it is missing. An existing file is replaced; so is an existing folder. If the block
    raises, the temporary is removed and `path` stays as it was. The temporary's name starts with a dot and ends with
    the suffix of `path`, so that readers of folders skip it and writers recognise the format.

    Raises:
        OSError: the temporary cannot be written or renamed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        if temporary.is_dir() and path.is_dir():
            old = path.with_name(f".{os.getpid()}.old.{path.name}")
            os.replace(path, old)
            os.replace(temporary, path)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> Path:
    """Write a text file (UTF-8) atomically; return its path."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def write_bytes(path: str | Path, content: bytes) -> Path:
    """Write a binary file atomically; return its path."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)
