"""Atomic writing: a file or folder appears under its name once it is complete."""

import glob
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<owner>[^.]+-(?P<process>\d+))\.\w+\.partial")
_ABANDONED = 7 * 24 * 3600.0  # seconds after which a temporary of another machine is one of a killed process


_TEMPORARIES: set[Path] = set()  # of this process


@contextmanager
def replacing(path: str | Path, *, keep_existing: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`, for a file or a folder, and rename it to `path` at the end.

    The folder of `path` is made if it is missing. An existing file is replaced; so is an existing folder. If the block
    raises, everything stays as it was: the temporary is removed, and so are folders that were made for it. The
    temporary's name starts with a dot and ends with the suffix of `path`, so that readers of folders skip it and
    writers recognise the format.

    With `keep_existing`, a file or folder that appears under the name in the meantime is kept and the new one is
    discarded.

    A killed process leaves its temporary behind. The next call for the same `path` on the same machine removes it, and
    so does `remove_leftovers`.

    Raises:
        OSError: the temporary cannot be written or renamed. The error names `path`, or a file in it.
    """
    path = Path(path)
    missing = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.partial*"):
        if _target(leftover) == path and (path.exists() or leftover.suffix != ".old"):
            _remove(leftover)
    temporary = path.with_name(
        f".{path.name}.{_owner(os.getpid())}.{uuid.uuid4().hex[:8]}.partial{path.suffix}"
    )
    _TEMPORARIES.add(temporary)
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
        _TEMPORARIES.discard(temporary)
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


def remove_leftovers(folder: str | Path) -> None:
    """Remove the temporaries that killed processes have left in a folder.

    An old folder gets its name back if nothing has taken its place: the process was killed between the two renames.
    Temporaries of running processes are left alone. Those of other machines are removed a week after they last changed.
    """
    for leftover in Path(folder).glob(".*.partial*"):
        target = _target(leftover)
        if target is None:
            continue
        with suppress(OSError):  # on a read-only disk they stay
            if leftover.suffix == ".old" and not target.exists():
                os.replace(leftover, target)
            else:
                _remove(leftover)


def discard_temporaries() -> None:
    """Remove all temporaries of this process, which is about to end without leaving its contexts."""
    for temporary in tuple(_TEMPORARIES):
        with suppress(OSError):
            _remove(temporary)


def _target(leftover: Path) -> Path | None:
    """Return what a temporary was to replace, or None if the process that made it may still run."""
    found = _TEMPORARY.match(leftover.name)
    if found is None:
        return None
    process = int(found["process"])
    if found["owner"] == _owner(process):
        dead = not _is_running(process)
    else:
        dead = time.time() - _last_change(leftover) > _ABANDONED
    return leftover.with_name(found["name"]) if dead else None


def _last_change(path: Path) -> float:
    """Return when a file, or anything in a folder, was last changed; now if it vanishes meanwhile."""
    try:
        return max(each.lstat().st_mtime for each in (path, *path.rglob("*")))
    except OSError:
        return time.time()


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
