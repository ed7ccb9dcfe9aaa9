"""Reserve space on a disk before it is written to."""

import errno
import os
import shutil
from pathlib import Path

_NOT_SUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def check_free(folder: Path, size: int) -> None:
    """Check that a disk has `size` bytes left; the folder need not exist.

    Raises:
        OSError: it has less; the message says how much is needed and how much is free.
    """
    if _free(folder) < size:
        raise OSError(errno.ENOSPC, _full(errno.ENOSPC, folder, size), str(folder))


def reserve(path: Path, size: int) -> None:
    """Reserve the first `size` bytes of a file, so that writing to them cannot fail because the disk is full.

    The file is made if it is missing; what it holds stays. Systems that cannot reserve space leave it as it is.

    Raises:
        OSError: there is too little space, or the file cannot be written.
    """
    with path.open("ab") as file:
        if not hasattr(os, "posix_fallocate"):  # macOS and Windows
            return
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:  # also a quota, or a limit on the size of files
            if error.errno is None or error.errno in _NOT_SUPPORTED:
                return
            raise OSError(error.errno, _full(error.errno, path.parent, size)) from error


def _free(folder: Path) -> int:
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(existing).free


def _full(code: int, folder: Path, size: int) -> str:
    needed, free = (f"{number / 2**20:,.1f} MiB" for number in (size, _free(folder)))
    return f"{os.strerror(code)}: {needed} are needed, {free} are free on this disk"
