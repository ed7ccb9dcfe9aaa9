"""Locks: one process at a time writes into a folder, or writes a file."""

import contextlib
import dataclasses
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

FILE = "run.lock"
_UNREADABLE_FOR = (
    60.0  # seconds after which a lock without content is stale: its process ended while it wrote it
)
_HELD: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())  # lock files of this thread
_FILES: set[Path] = set()  # lock files of this process


class FolderInUse(ValueError):
    """Another command holds the lock of a folder or a file."""


@dataclasses.dataclass(frozen=True)
class Holder:
    """The process that holds a lock.

    Attributes:
        host: name of its machine.
        process: its process id.
        started: when the process started, as its machine's system tells; it distinguishes processes of one id.
        since: time at which it took the lock.
    """

    host: str
    process: int
    started: str
    since: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.since}"


def locked(folder: str | Path | None) -> contextlib.AbstractContextManager[None]:
    """Hold the lock of a folder, `folder/run.lock`; make the folder if it is missing.

    A thread that holds the lock may take it again. At the end the lock is removed, and so is a folder that was made for
    it and is still empty. The lock of a process that no longer runs on this machine is taken over. Without a folder,
    nothing is locked.

    Raises:
        FolderInUse: another process or thread holds the lock; the message names it.
        OSError: the lock cannot be written.
    """
    return contextlib.nullcontext() if folder is None else _locked(_lock_of_folder(folder))


def locked_path(path: str | Path) -> contextlib.AbstractContextManager[None]:
    """Hold the lock of a file or folder that is written atomically: a hidden file next to it. See `locked`.

    Raises:
        FolderInUse: another process or thread holds the lock; the message names it.
        OSError: the lock cannot be written.
    """
    path = Path(path).absolute()
    return _locked(_Lock(path.with_name(f".{path.name}.lock"), path, "is already being written"))


def check_held(folder: Path) -> None:
    """Check that this process still holds the lock of a folder.

    Raises:
        OSError: the folder was removed or moved, or another process has removed the lock.
    """
    file = _lock_of_folder(folder).file
    if not _is_ours(file):
        found = "is missing" if (holder := _read(file)) is None else f"names {holder}"
        raise OSError(
            f"{folder}: the folder was removed, moved or taken over while the training ran ({FILE} {found}); the "
            "training stops"
        )


def in_use(folder: str | Path) -> bool:
    """Return whether a command is known to run in a folder, or may run there on another machine."""
    file = _lock_of_folder(folder).file
    return file.exists() and not _is_stale(file)


def release_all() -> None:
    """Remove all locks of this process, which is about to end without leaving its contexts."""
    for file in tuple(_FILES):
        with contextlib.suppress(OSError):
            file.unlink()


class _Lock(NamedTuple):
    """A lock: its file, what it locks, and what the message says of that if another process holds it."""

    file: Path
    subject: Path
    in_use: str


def _lock_of_folder(folder: str | Path) -> _Lock:
    path = Path(folder).absolute()
    return _Lock(path / FILE, path, "a command is already running in this folder")


@contextlib.contextmanager
def _locked(lock: _Lock) -> Iterator[None]:
    if lock.file in _HELD.get():
        yield
        return
    folder = lock.file.parent
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _take(lock)
        token = _HELD.set(_HELD.get() | {lock.file})
        _FILES.add(lock.file)
        try:
            yield
        finally:
            _HELD.reset(token)
            _FILES.discard(lock.file)
            if _is_ours(lock.file):
                lock.file.unlink(missing_ok=True)
    finally:
        for each in missing:  # from the innermost outwards
            with contextlib.suppress(OSError):  # it is not empty
                each.rmdir()


def _take(lock: _Lock) -> None:
    """Write the lock, in place of a stale one."""
    file = lock.file
    try:
        return _write(file)
    except FileExistsError:
        pass
    with _alone(file.parent):
        if _is_stale(file):
            file.unlink(missing_ok=True)
            with contextlib.suppress(FileExistsError):  # another process was faster: refused below
                return _write(file)
    raise FolderInUse(
        f"{lock.subject}: {lock.in_use} ({_read(file) or 'by an unknown process'}); wait for its end or choose another "
        f"folder; if it does not run any more, remove {file}"
    )


def _write(file: Path) -> None:
    started = process_start(os.getpid()) or ""
    holder = Holder(platform.node(), os.getpid(), started, time.strftime("%Y-%m-%d %H:%M:%S"))
    number = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as stream:
            stream.write(json.dumps(dataclasses.asdict(holder)) + "\n")
    except OSError as error:
        file.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(file)) from error


def _read(file: Path) -> Holder | None:
    """Return the holder of a lock, or None if there is no lock or it says nothing."""
    try:
        return Holder(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_ours(file: Path) -> bool:
    holder = _read(file)
    return holder is not None and (holder.host, holder.process) == (platform.node(), os.getpid())


def _is_stale(file: Path) -> bool:
    """Return whether the process that wrote a lock is known to have ended."""
    holder = _read(file)
    if holder is None:
        with contextlib.suppress(OSError):
            return time.time() - file.stat().st_mtime > _UNREADABLE_FOR
        return True  # the lock has been removed
    if holder.host != platform.node():
        return False  # nothing is known about processes of other machines
    return process_start(holder.process) not in (holder.started, "")


def process_start(process: int) -> str | None:
    """Return when a process of this machine started, in the words of its system.

    Return None if it does not run, and an empty text where the system does not say.
    """
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]  # in clock ticks since the machine was started
    if os.name != "posix":
        return ""
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(process)], capture_output=True, text=True)
    return shown.stdout.strip() or None


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time take over a stale lock, where the system and the file system can do so."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)
