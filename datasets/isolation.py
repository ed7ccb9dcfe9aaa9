"""A child process with limits of time and memory, for work that may crash or hang this process."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

CAN_FORK = sys.platform == "linux"
MEMORY = 4 * 2**30  # bytes that a child may use besides what it shares with its parent
CRASHES, TOO_LONG = "crashes", "takes too long"  # why a child ended
PROCESSOR_SHARE = 1 / 3  # of the time that a task may take; the rest is for waiting for the disk


class ChildEnded(Exception):
    """The child crashed or ran out of time; the message says which."""


class Child:
    """A fork of this process that runs `task(send)`, for a `with` statement. It is killed at the end of the block.

    A fork starts within milliseconds and has all imported modules and registered parts. The task must not use JAX,
    whose threads do not exist in the child. h5py can be used: it holds its lock while a process forks.

    Args:
        task: sends any number of results to this process.
    """

    def __init__(self, task: Callable[[Callable[[Any], None]], None]):
        self._results, sending = Pipe(duplex=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # JAX and Python warn about threads, which the child does not use
            self.process = os.fork()
        if self.process == 0:
            _run_and_exit(task, sending)
        sending.close()

    def receive(self, seconds: float) -> Any:
        """Return the next result of the task.

        Raises:
            ChildEnded: none came in time, or the child crashed.
        """
        if not self._results.poll(seconds):
            raise ChildEnded(TOO_LONG)
        try:
            return self._results.recv()
        except EOFError:
            _, status = os.waitpid(self.process, 0)
            self.process = 0
            out_of_time = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
            raise ChildEnded(TOO_LONG if out_of_time else CRASHES) from None

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._results.close()
        if self.process:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)


def limit_time(seconds: float) -> None:
    """Limit the processor time of this process from now on, to a share of the seconds that the work may take."""
    import resource

    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = int(used + max(1.0, seconds * PROCESSOR_SHARE)) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard < 0 else min(wanted, hard), hard))


def _limit_memory() -> None:
    """Limit the memory of this process, and write no core file if it crashes."""
    import resource

    with open("/proc/self/statm", encoding="ascii") as file:
        most = int(file.read().split()[0]) * resource.getpagesize() + MEMORY
    for which, wanted in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, most)):
        hard = resource.getrlimit(which)[1]
        resource.setrlimit(which, (wanted if hard < 0 else min(wanted, hard), hard))


def _run_and_exit(task: Callable[[Callable[[Any], None]], None], sending: Connection) -> None:
    """Run the task in the child and end it at once, without the handlers and the clean-up of the parent."""
    try:
        faulthandler.disable()
        gc.disable()  # what it would free may belong to threads that do not exist here
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        _limit_memory()
        task(sending.send)
        os._exit(0)
    finally:
        os._exit(1)
