"""SIGINT (Ctrl-C) and SIGTERM end every command with one line and a status of their own: 130 or 143."""

import contextlib
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import NoReturn

_GRACE = 1.0  # seconds that a command has to clean up after a second Ctrl-C
_CONTINUES = {
    "train": "; the same command continues the run",
    "check": "; the same command continues the check",
    "download": "; the same command continues the download",
}


class Signalled(KeyboardInterrupt):
    """A signal ends the command.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int = signal.SIGINT):
        super().__init__()
        self.number = number

    @property
    def status(self) -> int:
        """The exit status of the command."""
        return 128 + self.number

    def line(self, command: str) -> str:
        """Return the line to print for a command."""
        what = "interrupted" if self.number == signal.SIGINT else "ended by SIGTERM"
        return f"{command}: {what}{_CONTINUES.get(command.rpartition(' ')[2], '')}"


class SignalHandlers:
    """Turn SIGINT and SIGTERM into `Signalled`, from `install` to the end of the process.

    A signal that comes while modules are imported ends the process at once, because code that is imported may swallow
    exceptions. So does a signal after `finish`. A second SIGINT leaves the command one second to clean up, also while
    it computes in compiled code, where Python does not run handlers: a thread waits for it.

    Args:
        command: the command in the line to print, such as "cape train".
    """

    def __init__(self, command: str):
        self._command = command
        self._noted = self._finished = False

    def install(self) -> None:
        """Handle the signals that this process does not ignore; call it in the main thread."""
        for each in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(each) not in (signal.SIG_IGN, None):
                signal.signal(each, self._handle)
        if os.name == "posix":
            reading, writing = os.pipe()
            os.set_blocking(writing, False)
            signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
            os.register_at_fork(after_in_child=_end_silently)
            threading.Thread(target=self._watch, args=(reading,), name="signals", daemon=True).start()

    def finish(self) -> None:
        """Say that the command has ended, and only the interpreter is still to be closed."""
        self._finished = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._finished:
            _leave(128 + number)
        if _is_importing(frame):
            _leave(128 + number, Signalled(number).line(self._command))
        if not self._noted:  # a second one is up to `_watch`
            self._noted = True
            raise Signalled(number)

    def _watch(self, reading: int) -> None:
        """Wait for a second SIGINT and end the process."""
        count = 0
        while count < 2:
            count += os.read(reading, 1)[0] == signal.SIGINT
        time.sleep(_GRACE)
        _leave(128 + signal.SIGINT, f"{self._command}: left at a second Ctrl-C")


def _end_silently() -> None:
    """Let signals end a forked child as they end any process; its parent has the line and the pipe."""
    signal.set_wakeup_fd(-1)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _leave(status: int, line: str = "") -> NoReturn:
    """End the process without leaving its contexts; remove its temporary files and its locks."""
    with contextlib.suppress(Exception):
        if atomic := sys.modules.get("cape.atomic"):
            atomic.discard_temporaries()
    with contextlib.suppress(Exception):
        if lock := sys.modules.get("cape.datasets.lock"):
            lock.release_all()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    with contextlib.suppress(Exception):
        os.write(2, f"{line}\n".encode() if line else b"")
    os._exit(status)
