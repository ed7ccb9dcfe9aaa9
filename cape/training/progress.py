"""The progress of a training on the terminal: "epoch 3/20, loss 0.12, validation 4.5 %, 0:40 left"."""

import math
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from tqdm import tqdm

from cape.training.notebook import in_notebook
from cape.training.phases import Phases
from cape.training.time_left import TimeLeft, duration

_SECONDS_BETWEEN_TEXTS = 0.1  # of the bar
_SECONDS_BETWEEN_LINES = 10.0  # where the output is no terminal


class Progress:
    """Show where a training is: a bar on a terminal and in a notebook, else a line at the ends of epochs.

    Args:
        phases: of the training.
        validate_every: epochs between two validations.
        update: number of updates done before.
        shown: False: nothing is shown.
        stream: where to; None: stderr, and in a notebook stdout.
        clock: gives the time in seconds.
    """

    def __init__(
        self,
        phases: Phases,
        validate_every: int,
        update: int,
        *,
        shown: bool = True,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._phases, self._validate_every, self._update = phases, validate_every, update
        self._clock, self._time_left = clock, TimeLeft(clock)
        self._epoch = self._validated = (
            0  # the epoch that runs, and the first one whose validation is not done
        )
        self._warming: bool | None = None
        self._loss = self._validation = ""
        notebook = in_notebook()
        self._stream = stream or (sys.stdout if notebook else sys.stderr)
        with_bar = shown and (notebook or self._stream.isatty())
        self._lines = shown and not with_bar
        self._last_line = self._last_shown = -math.inf
        self._bar: Any = tqdm(
            total=phases.updates,
            initial=update,
            file=self._stream,
            disable=not with_bar,
            dynamic_ncols=True,
            miniters=phases.updates + 1,  # `_show` draws it
            delay=1e-3,  # so that no bar without a text is drawn
            bar_format="{desc} |{bar}| {n_fmt}/{total_fmt} updates",
        )

    def begin_epoch(self, epoch: int) -> None:
        """Show that the updates of an epoch, counted from 0, begin or continue."""
        if self._warming != self._phases.warming(epoch):
            self._warming = self._phases.warming(epoch)
            self._time_left.begin_phase()
        self._epoch = self._validated = epoch
        self._time_left.begin_epoch()
        self._show()

    def update(self) -> None:
        """Show that an update was given to the device."""
        self._update += 1
        self._time_left.update()
        self._bar.update()
        self._show()

    def end_updates(self) -> None:
        """Note that the device is done with the updates of the epoch, and that a validation may follow."""
        self._time_left.end_epoch(validation=self._validates(self._epoch))

    def end_epoch(self, record: Mapping[str, Any]) -> None:
        """Show the loss, the validation error and the wait for streamed data in the record of an epoch."""
        self._validated = self._epoch + 1
        self._loss = f"loss {record['loss']:.3g}"
        if "waiting" in record:
            self._loss += f", {percent(record['waiting'])} of the time waiting for data"
        if "validation_error" in record:
            self._validation = f"validation {percent(record['validation_error'])}"
        self._show()
        last = self._update >= self._phases.updates
        if self._lines and (last or self._clock() - self._last_line >= _SECONDS_BETWEEN_LINES):
            self._last_line = self._clock()
            print(self.text, file=self._stream, flush=True)

    def close(self) -> None:
        """Draw the bar for the last time, and begin a new line."""
        if not self._bar.disable:
            self._bar.set_description_str(self.text)
        self._bar.close()

    @property
    def text(self) -> str:
        """Where the training is, as text; the time left as soon as it is known."""
        warm_up = " (warm-up)" if self._warming else ""
        remaining = self._phases.updates - self._update
        validations = sum(map(self._validates, range(self._validated, self._phases.epochs)))
        left = self._time_left.seconds(remaining, validations)
        if self._warming and self._phases.epochs > self._phases.warmup_epochs:
            left = None  # updates after the warm-up are others
        time_left = f"{duration(left)} left" if remaining and left is not None else ""
        parts = [f"epoch {self._epoch + 1}/{self._phases.epochs}{warm_up}", self._loss, self._validation]
        return ", ".join(part for part in [*parts, time_left] if part)

    def _show(self) -> None:
        """Draw the bar, unless it was drawn a moment ago."""
        if self._bar.disable or self._clock() - self._last_shown < _SECONDS_BETWEEN_TEXTS:
            return
        self._last_shown = self._clock()
        self._bar.set_description_str(self.text)

    def _validates(self, epoch: int) -> bool:
        due = (epoch + 1) % self._validate_every == 0 or epoch + 1 == self._phases.epochs
        return due and not self._phases.warming(epoch)


def percent(error: float) -> str:
    """Format a relative error with two digits: "4.5 %"; "not finite" if it is not."""
    if not math.isfinite(error):
        return "not finite"
    return f"{100 * error:.0f} %" if error >= 0.995 else f"{100 * error:.2g} %"
