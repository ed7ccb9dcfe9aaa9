"""Trackers: tools that record and show trainings, such as TensorBoard, Weights & Biases and MLflow."""

import abc
import importlib.util
import math
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from cape.atomic import write_text
from cape.registry import Registry


class Tracker(abc.ABC):
    """Record one training in a tool that shows experiments.

    A subclass registers itself in `TRACKERS`; its constructor takes no arguments. An exception that a method raises
    becomes a warning. The training then goes on without the tracker.

    Attributes:
        package: the Python package that it imports; empty if it needs none.
        install: what pip installs to have it.
    """

    package: ClassVar[str] = ""
    install: ClassVar[str] = ""

    @abc.abstractmethod
    def start(self, config: Mapping[str, Any], folder: Path | None) -> None:
        """Begin a training, or continue one that was stopped.

        Args:
            config: the settings as nested dictionaries: "problem", "model" and "training".
            folder: of the run, or None.
        """

    @abc.abstractmethod
    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record what was measured until update number `step`. All values are finite.

        A training that was stopped, or that went back after a divergence, comes to the same step again.
        """

    @abc.abstractmethod
    def finish(self) -> None:
        """End the record, also after an error."""


TRACKERS: Registry[type[Tracker]] = Registry(
    "tracker", Tracker, ["cape.training.trackers", "cape.figures.live_curves"]
)


def require(names: Sequence[str]) -> None:
    """Check that the packages of these trackers are installed, without importing them.

    Raises:
        ValueError: a name is not registered.
        ImportError: a package is missing.
    """
    for name in names:
        tracker = TRACKERS.find(name)
        if tracker.package and importlib.util.find_spec(tracker.package) is None:
            raise ImportError(
                f"the tracker {name!r} needs {tracker.package}: pip install {tracker.install or tracker.package}"
            )


class Trackers:
    """Several trackers of one training, as a context manager. One that fails is left out from then on.

    Args:
        names: of the trackers, in `TRACKERS`.
        config, folder: see `Tracker.start`.

    Warns:
        UserWarning: a tracker failed.

    Raises:
        ValueError, ImportError: see `require`.
    """

    def __init__(self, names: Sequence[str], config: Mapping[str, Any], folder: Path | None):
        require(names)
        self._running = {name: TRACKERS.find(name)() for name in dict.fromkeys(names)}
        self._config, self._folder = config, folder

    def log(self, record: Mapping[str, Any]) -> None:
        """Give the finite numbers of a record to all trackers; its "step" is the number of the last update."""
        values = {
            name: float(value)
            for name, value in record.items()
            if name != "step" and isinstance(value, int | float) and math.isfinite(value)
        }
        self._each(lambda tracker: tracker.log(record["step"], values))

    def __enter__(self) -> "Trackers":
        self._each(lambda tracker: tracker.start(self._config, self._folder))
        return self

    def __exit__(self, *error: object) -> None:
        self._each(lambda tracker: tracker.finish())

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._running.items()):
            try:
                call(tracker)
            except Exception as error:  # packages of others can raise anything
                del self._running[name]
                warnings.warn(
                    f"the tracker {name!r} failed ({type(error).__name__}: {error}); the training goes on without it",
                    stacklevel=4,
                )


def run_id(
    name: str, folder: Path | None, new: Callable[[], str] = lambda: uuid.uuid4().hex
) -> tuple[str, bool]:
    """Return the identity of a run in the tracker `name`, and whether it is new.

    It is kept in `folder/NAME_run_id.txt`, so that a training that was stopped continues its record.
    """
    file = None if folder is None else Path(folder) / f"{name}_run_id.txt"
    if file is not None and file.is_file():
        return file.read_text(encoding="utf-8").strip(), False
    identity = new()
    if file is not None:
        write_text(file, identity + "\n")
    return identity, True
