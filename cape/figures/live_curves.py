"""Curves of a training that is running, in a notebook."""

import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from cape.figures.style import DOTS_PER_INCH
from cape.figures.training_curves import training_curves
from cape.training import log
from cape.training.tracker import TRACKERS, Tracker

_SHARE = 0.1  # of the time of a training that drawing may take


@TRACKERS.register("notebook")
class LiveCurves(Tracker):
    """Draw loss and validation error over the epochs below the cell, and draw them again as the training goes on."""

    package: ClassVar[str] = "IPython"
    install: ClassVar[str] = "ipython"

    def start(self, config: Mapping[str, Any], folder: Path | None) -> None:
        file = None if folder is None else Path(folder) / log.FILE
        self._records: list[dict[str, Any]] = log.read(file) if file is not None and file.exists() else []
        self._handle: Any = None
        self._drawn, self._seconds = time.monotonic(), 0.0
        self._complete = True  # whether all records are drawn

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._records = [record for record in self._records if record["step"] < step]
        self._records.append({"step": step, **values})
        self._complete = False
        if time.monotonic() - self._drawn >= self._seconds / _SHARE:
            self._draw()

    def finish(self) -> None:
        if not self._complete:
            self._draw()

    def _draw(self) -> None:
        """Show the figure, in place of the one before."""
        from IPython.display import Image, display

        began = time.monotonic()
        records = [record for record in self._records if "loss" in record]
        if not records:
            return
        content = io.BytesIO()
        training_curves(records, over="epoch").savefig(content, format="png", dpi=DOTS_PER_INCH)
        image = Image(data=content.getvalue(), format="png", width=560)
        if self._handle is None:
            self._handle = display(image, display_id=True)
        else:
            self._handle.update(image)
        self._complete = True
        self._drawn = time.monotonic()
        self._seconds = self._drawn - began
