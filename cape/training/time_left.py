"""The time left of a training, estimated from its updates and validations so far."""

import time
from collections.abc import Callable

_WEIGHT_OF_THE_PAST = 0.5  # of the epochs before the last one, as a curriculum changes the cost of an update


class TimeLeft:
    """Estimate the seconds that the rest of a training takes.

    The first update of each phase and the first validation compile their programs. They are not representative, so the
    estimate does not use them. Devices work in the background, so an epoch counts until its losses are known.

    Args:
        clock: gives the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._pauses: list[float] = []  # with a validation and perhaps a checkpoint
        self._pause_began: float | None = None
        self.begin_phase()

    def begin_phase(self) -> None:
        """Forget the updates so far: those of the next phase are others."""
        self._compiled = False
        self._seconds = self._updates = 0.0  # of earlier epochs, weighted
        self._pending = 0  # updates of the running epoch that count
        self._began = self._clock()

    def begin_epoch(self) -> None:
        """Begin the updates of an epoch, which ends the validation before it."""
        self._began, self._pending = self._clock(), 0
        if self._pause_began is not None:
            self._pauses.append(self._began - self._pause_began)
            self._pause_began = None

    def update(self) -> None:
        """Count an update that was given to the device."""
        if self._compiled:
            self._pending += 1
        else:
            self._compiled, self._began = True, self._clock()

    def end_epoch(self, *, validation: bool) -> None:
        """End the updates of an epoch: the device is done with them. A validation may follow."""
        now = self._clock()
        if self._pending:
            self._seconds = _WEIGHT_OF_THE_PAST * self._seconds + now - self._began
            self._updates = _WEIGHT_OF_THE_PAST * self._updates + self._pending
        self._pending = 0
        self._began = now
        if validation:
            self._pause_began = now

    def seconds(self, updates: int, validations: int) -> float | None:
        """Return the estimated seconds of so many updates and validations, or None before the second update."""
        counted = self._updates + self._pending
        if not counted:
            return None
        running = self._clock() - self._began if self._pending else 0.0
        later = self._pauses[1:]
        pause = sum(later) / len(later) if later else 0.0
        return updates * (self._seconds + running) / counted + validations * pause


def duration(seconds: float) -> str:
    """Format seconds as minutes and seconds, 0:40, or as hours, minutes and seconds, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
