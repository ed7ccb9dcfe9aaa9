"""Interruptions: SIGTERM and Ctrl-C end a training after the running update, once its state is saved."""

import signal
import sys
import threading
from types import FrameType
from typing import Any, NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """SIGINT (Ctrl-C) stopped a training. Its state is saved, and where it stopped has been printed."""


class Terminated(SystemExit):
    """SIGTERM stopped a training. Its state is saved, and where it stopped has been printed; the status is 143."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


class Interruption:
    """Note SIGINT and SIGTERM instead of acting on them, as a context manager.

    A second SIGINT acts at once, as it would have without this class. Signals are noted only in the main thread, where
    Python handles them, and a signal that the process ignores stays ignored. The previous handlers are restored at the
    end. A signal that came too late for `stop` is raised again then.

    Attributes:
        requested: whether a signal was noted.

    Args:
        active: False: signals act as they do without this class.
    """

    def __init__(self, *, active: bool = True):
        self._active = active
        self._noted: signal.Signals | None = None
        self._previous: dict[signal.Signals, Any] = {}

    @property
    def requested(self) -> bool:
        return self._noted is not None

    def agreed(self, wanted: bool) -> bool:
        """Return whether a signal was noted, or something is wanted, in any process of the training."""
        from cape.training import (
            processes,  # here, because the command line imports this file and answers without jax
        )

        noted, wanted_somewhere = processes.largest([int(self._noted or 0), int(wanted)])
        if noted and self._noted is None:
            self._noted = signal.Signals(noted)
        return bool(noted or wanted_somewhere)

    def stop(self, message: str) -> NoReturn:
        """Print where the training stopped and raise the exception of the signal that was noted."""
        from cape.training import processes

        noted = self._noted or signal.SIGINT
        text = f"{message}, by {noted.name}; its state is saved, and the same command continues it"
        if processes.first():
            print(text, file=sys.stderr)
        if noted == signal.SIGTERM:
            raise Terminated
        raise Interrupted(text)

    def __enter__(self) -> "Interruption":
        if self._active and threading.current_thread() is threading.main_thread():
            for each in _SIGNALS:
                if signal.getsignal(each) not in (signal.SIG_IGN, None):  # None: not set by Python
                    self._previous[each] = signal.signal(each, self._note)
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._restore(*_SIGNALS)
        if self._noted is not None and error is None:
            signal.raise_signal(self._noted)

    def _note(self, number: int, _: FrameType | None) -> None:
        if self._noted is None:
            self._noted = signal.Signals(number)
            self._restore(signal.SIGINT)  # so that the next one acts at once

    def _restore(self, *signals: signal.Signals) -> None:
        for each in signals:
            if each in self._previous:
                signal.signal(each, self._previous.pop(each))
