"""Open files of unknown origin in a child process, as damaged ones can crash or hang the HDF5 library."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from cape.datasets.formats.question import Unanswered
from cape.datasets.hdf5_files import open_hdf5
from cape.datasets.isolation import CAN_FORK, CRASHES, TOO_LONG, Child, ChildEnded, limit_time
from cape.datasets.readers.examination import HOW_TO_TRUST, examine

Opened = TypeVar("Opened")

SECONDS = 10.0  # that opening a file may take, besides those for its objects
SECONDS_PER_OBJECT = 0.01
TRIAL = f"import {__name__} as here; here.try_all()"  # the program of a process that is not a fork
HERE = None  # sent for a file that was opened, but whose result cannot be sent to another process


def open_isolated(paths: Sequence[Path], open_one: Callable[[Path], Opened]) -> Iterator[Opened]:
    """Examine and open HDF5 files one by one in a child process, with limits of time and memory.

    Args:
        open_one: opens a file.

    Raises:
        ValueError, OSError: a file is refused by `examine` or `open_one`, crashes the HDF5 library, or takes too
            long; the message names it.
    """
    if not CAN_FORK:
        try_elsewhere(paths)
        for path in paths:
            examine(path)
            yield open_one(path)
        return
    with Child(partial(_open_each, paths, open_one)) as child:
        for path in paths:
            try:
                result = _next_result(child)
            except ChildEnded as error:
                raise ValueError(_refusal(path, str(error))) from error
            if isinstance(result, Exception):
                raise result
            yield open_one(path) if result is HERE else result


def _next_result(child: Child) -> Any:
    """Return what the child sends next besides numbers of objects, each of which starts the time anew."""
    seconds = SECONDS
    while isinstance(result := child.receive(seconds), int):
        seconds = _seconds(result)
    return result


def _refusal(path: Path, why: str) -> str:
    return f"{path}: damaged: reading it {why}{HOW_TO_TRUST if why == TOO_LONG else ''}"


def _seconds(objects: int) -> float:
    return SECONDS + SECONDS_PER_OBJECT * objects


def _open_each(paths: Sequence[Path], open_one: Callable[[Path], Any], send: Callable[[Any], None]) -> None:
    """Send what `open_one` returns for each file, or the error; before that, numbers of objects to be visited."""

    def about_to_visit(objects: int) -> None:
        send(objects)
        limit_time(_seconds(objects))

    for path in paths:
        try:
            about_to_visit(0)
            with open_hdf5(path):  # held open, so that HDF5 keeps what it has read of the file
                about_to_visit(examine(path, about_to_visit))
                result = open_one(path)
        except Unanswered as question:
            send(question)
            return
        except (ValueError, OSError) as error:
            send((OSError if isinstance(error, OSError) else ValueError)(str(error)))
            return
        try:
            send(result)
        except Exception:  # a reader's own store may hold anything
            send(HERE)


def try_elsewhere(paths: Sequence[Path]) -> None:
    """Open files in a new process first, where this process cannot fork. The new one passes over their errors.

    Raises:
        ValueError: the process crashed or ran out of time; the message names the file.
    """
    command = [sys.executable, "-P", "-c", TRIAL]
    given = json.dumps([str(path) for path in paths]).encode()
    try:
        ended = subprocess.run(
            command, input=given, capture_output=True, timeout=SECONDS * max(len(paths), 1), check=False
        )
        why, output = CRASHES if ended.returncode else "", ended.stdout
    except subprocess.TimeoutExpired as error:
        why, output = TOO_LONG, error.stdout or b""
    if why and output:  # without output, the process did not start, which says nothing about the files
        raise ValueError(_refusal(paths[len(output.splitlines()) - 1], why))


def try_all() -> None:
    """Open the files whose paths are in the standard input, a JSON list; print a line before each of them."""
    from cape.datasets.opening import open_one

    for number, path in enumerate(json.load(sys.stdin)):
        print(number, flush=True)
        with suppress(Exception):
            examine(Path(path))
            open_one(Path(path), notes=True)
