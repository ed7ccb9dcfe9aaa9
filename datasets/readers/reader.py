"""The contract of a reader of one file layout, and the registry of readers.

To read files of another layout or format, add one file to this folder (or to a package of yours) that registers a
reader. `open_files`, `cape inspect` and trainings then take such files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from cape.datasets.trajectories import Trajectories
from cape.registry import Registry


class Reader(ABC):
    """A reader of one file layout.

    Attributes:
        name: name of the layout, for messages.
        description: the datasets by which a human recognises the layout, for messages.
        suffixes: endings of the names of files; folders are searched for files with these.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = (".hdf5", ".h5")

    @property
    def defined_in(self) -> str:
        """The module that defines the reader."""
        return type(self).__module__

    @abstractmethod
    def recognises(self, path: Path) -> bool:
        """Return whether an existing file has this layout, reading as little of it as possible.

        Files of other formats must give False. At most one reader may recognise a file, as the order of readers is
        undefined.
        """

    @abstractmethod
    def open(self, path: Path) -> Trajectories:
        """Open a file that `recognises` accepted, reading no field.

        Raises:
            ValueError: the file is damaged or incomplete. The message names the file, what was found and what was
                expected.
        """

    def notes(self, path: Path, trajectories: Trajectories) -> list[tuple[str, str]]:
        """Return rows (label, text) for `cape inspect`: what the trajectories do not say, such as assumptions made."""
        return []


READERS: Registry[Reader] = Registry("reader", Reader, ["cape.datasets.readers"])
