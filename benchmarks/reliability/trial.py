"""Try damaged cases in child processes with limits of time and memory, and say how each of them ended.

A case must end in `success` or in `refused`: an error of this package, which is a ValueError or OSError of exactly that
kind (no error of a decoder, say) whose message is one printable line that names a file of the case. Other outcomes are
faults: `crash` (a signal), `hang`, `memory`, `foreign` (another exception), `changed` (other data than were written, in
a file with checksums), and on the command line `traceback`.
"""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cape.datasets.formats.question import Unanswered

SECONDS = 60.0  # of the processor that one case may take, most of which a surrogate takes to compile
WAITING = 10  # times as long may a case take by the clock, as other programs may use the processor
MEMORY = 1536 * 2**20  # that one case may add to the process
GOOD = ("success", "refused")
_PLAIN = (ValueError, OSError, FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
ACCEPTED = (*_PLAIN, Unanswered)  # which asks for what a file does not say


class Outcome(NamedTuple):
    """How a case ended: its name, the outcome, a message, and seconds."""

    name: str
    outcome: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class Case:
    """A damaged file or folder.

    Attributes:
        make: writes it into an empty folder and returns its path.
        use: uses it as a user would; returns what is compared with `expected`.
        expected: what `use` must return if it succeeds, or None for a case without checksums.
        names_file: whether every message must name a file of the folder.
    """

    name: str
    make: Callable[[Path], Path]
    use: Callable[[Path], Any]
    expected: Any = None
    names_file: bool = True


def run(cases: Sequence[Case], *, seconds: float = SECONDS) -> Iterator[Outcome]:
    """Run cases one after the other in forked workers; a worker that dies or hangs is replaced."""
    first = 0
    while first < len(cases):
        reading, writing = os.pipe()
        worker = os.fork()
        if worker == 0:
            os.close(reading)
            _work(cases, first, writing)
        os.close(writing)
        for outcome in _watch(cases, first, worker, reading, seconds):
            first += 1
            yield outcome
        os.close(reading)


def _watch(cases: Sequence[Case], first: int, worker: int, reading: int, seconds: float) -> Iterator[Outcome]:
    """Yield the outcomes that a worker reports, and the one of the case in which it ended."""
    buffer, number, started, used = b"", first, time.monotonic(), 0.0
    while True:
        ready, _, _ = select.select([reading], [], [], 1.0)
        if not ready and not _too_long(worker, seconds, started, used):
            continue
        read = os.read(reading, 2**16) if ready else b""
        buffer += read
        while b"\n" in buffer:
            line, _, buffer = buffer.partition(b"\n")
            number, started, used = number + 1, time.monotonic(), _processor_seconds(worker)
            yield Outcome(*json.loads(line))
        if read:
            continue
        if ready:  # the worker has ended
            _, status = os.waitpid(worker, 0)
            code = os.waitstatus_to_exitcode(status)
            if code != 0:
                why = signal.Signals(-code).name if code < 0 else f"exit {code}"
                yield Outcome(cases[number].name, "crash", why, time.monotonic() - started)
            return
        os.killpg(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
        yield Outcome(cases[number].name, "hang", f"more than {seconds:g} s", seconds)
        return


def _too_long(worker: int, seconds: float, started: float, used: float) -> bool:
    by_the_clock = time.monotonic() - started
    return _processor_seconds(worker) - used > seconds or by_the_clock > WAITING * seconds


def _processor_seconds(worker: int) -> float:
    """Return the processor time of a worker, its children that have ended, and those that run."""
    try:
        children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
        texts = [Path(f"/proc/{process}/stat").read_text() for process in [worker, *children]]
    except OSError:  # one has just ended
        return 0.0
    times = [sum(map(int, text.rpartition(")")[2].split()[11:15])) for text in texts]
    return sum(times) / os.sysconf("SC_CLK_TCK")


def _work(cases: Sequence[Case], first: int, writing: int) -> None:
    """Run cases from number `first` on and write their outcomes to a pipe, one JSON text a line. Does not return."""
    code = 1
    try:
        os.setsid()
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for case in cases[first:]:
            outcome = attempt(case)
            os.write(writing, (json.dumps(outcome) + "\n").encode())
            if outcome.outcome == "memory":  # the peak of this process says nothing about the next case
                break
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code if code == 0 else 1)


def attempt(case: Case) -> Outcome:
    """Make and use a case in this process."""
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    folder = Path(tempfile.mkdtemp(prefix="case-"))
    try:
        path = case.make(folder)
        before = max(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        outcome, detail = _use(case, path, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    if grown > MEMORY:
        outcome, detail = "memory", f"{grown >> 20} MiB; {detail}"
    detail = detail.replace(str(folder), "DIR")[:300]
    return Outcome(case.name, outcome, detail, round(time.monotonic() - started, 3))


class Traceback(Exception):
    """A command printed a traceback or ended with a signal."""


def _use(case: Case, path: Path, folder: Path) -> tuple[str, str]:
    try:
        found = case.use(path)
    except Traceback as error:
        return "traceback", str(error)
    except ACCEPTED as error:
        if is_own(error, path) and (not case.names_file or str(folder) in str(error)):
            return "refused", str(error)
        return "foreign", _described(error)
    except BaseException as error:
        return "foreign", _described(error)
    if case.expected is not None and found != case.expected:
        return "changed", "other data than were written, without an error"
    return "success", ""


def is_own(error: BaseException, path: Path) -> bool:
    """Return whether an error is one of this package's: its type is plain, and its message one printable line.

    The path, which the user gave, may be in the message as it is.
    """
    return type(error) in ACCEPTED and str(error).replace(str(path), "").isprintable()


def _described(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in frames[:-5:-1])
    return f"{type(error).__name__}: {str(error)[:160]!r} at {places}"
