"""Atomic writing: a file or folder appears under its name once it is complete."""

import glob
import os
import platform
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: str | Path, *, keep_existing: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`, for a file or a folder, and rename it to `path` at the end.

    The folder of `path` is made if it is missing. An existing file is replaced; so is an existing folder. If the block
    raises, everything stays as it was: the temporary is removed, and so are folders that were made for it. The
    temporary's name starts with a dot and ends with the suffix of `path`, so that readers of folders skip it and
    writers recognise the format.

    With `keep_existing`, a file or folder that appears under the name in the meantime is kept and the new one is
    discarded.

    A killed process leaves its temporary behind. The next call for the same `path` on the same machine removes it.

    Raises:
        OSError: the temporary cannot be written or renamed. The error names `path`, or a file in it.
    """
    path = Path(path)
    missing = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    temporary = path.with_name(
        f".{path.name}.{_owner(os.getpid())}.{uuid.uuid4().hex[:8]}.partial{path.suffix}"
    )
    try:
        yield temporary
        if keep_existing and path.exists():
            return
        if temporary.is_dir() and path.is_dir():
            _replace_folder(path, temporary)
        else:
            os.replace(temporary, path)
    except OSError as error:
        named = str(path if error.filename is None else error.filename).replace(str(temporary), str(path))
        if error.errno is None or named == error.filename:
            raise
        raise OSError(error.errno, error.strerror, named) from error
    finally:
        with suppress(OSError):  # as on a disk that has become read-only; the first error says so
            _remove(temporary)
        for folder in missing:  # from the innermost outwards
            with suppress(OSError):  # it is not empty
                folder.rmdir()


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


def _replace_folder(path: Path, temporary: Path) -> None:
    """Rename the existing folder, rename the new one, remove the old one: a folder cannot be replaced in one step."""
    old = temporary.with_name(f"{temporary.name}.old")
    os.replace(path, old)
    try:
        os.replace(temporary, path)
    except OSError:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _remove_leftovers(path: Path) -> None:
    """Remove the temporaries of `path` that killed processes of this machine have left.

    An old folder is kept if nothing has taken its place: the process was killed between the two renames.
    """
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.partial*"):
        owner = leftover.name.removeprefix(f".{path.name}.").split(".")[0]
        process = owner.rpartition("-")[2]
        dead = process.isdecimal() and owner == _owner(int(process)) and not _is_running(int(process))
        if dead and (path.exists() or leftover.suffix != ".old"):
            _remove(leftover)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _owner(process: int) -> str:
    """Name a process across machines that share a file system."""
    return f"{platform.node().partition('.')[0]}-{process}"


def _is_running(process: int) -> bool:
    """Whether a process of this machine is running; True on Windows, where asking could end the process."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except OSError:  # the process belongs to another user
        return True
    return True
