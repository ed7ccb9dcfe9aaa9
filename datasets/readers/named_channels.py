"""Reader of files of this package whose fields PDEBench does not have (pdebench_layout.py describes the layout)."""

from pathlib import Path

import h5py

from cape.datasets.hdf5_files import open_hdf5
from cape.datasets.readers.hdf5 import Hdf5Reader, text, texts
from cape.datasets.readers.pdebench_layout import (
    AXES,
    CHANNELS,
    PARAMETERS,
    SCALAR,
    assemble,
    check_shapes,
    layout_notes,
    named_parameters,
)
from cape.datasets.readers.reader import READERS
from cape.datasets.trajectories import Trajectories


class NamedChannelsReader(Hdf5Reader):
    """Reads files that list the names of their fields in an attribute."""

    name = "named channels"
    description = "one dataset [sample, time, *space] for each name in the root attribute 'channels'"

    def recognises_layout(self, file: h5py.File) -> bool:
        return CHANNELS in file.attrs and SCALAR not in file

    def open(self, path: Path) -> Trajectories:
        return open_named_channels(path)

    def notes(self, path: Path, trajectories: Trajectories) -> list[tuple[str, str]]:
        return layout_notes(path, trajectories)


READERS.add(NamedChannelsReader())


def open_named_channels(path: str | Path) -> Trajectories:
    """Open a file with one dataset [sample, time, *space] per channel, reading no field.

    The root attributes `channels` and `parameters` hold the names of channels and parameters, in order.

    Raises:
        ValueError: an attribute, dataset or parameter is missing or does not fit; the message names it and the file.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        channels, names = texts(file, CHANNELS), named_parameters(file)
        if not channels or names is None:
            missing = PARAMETERS if channels else CHANNELS
            raise ValueError(f"{path}: root attribute {missing!r} is missing, expected a list of names")
        axes = tuple(a for a in AXES if a in file) or AXES[:1]
        check_shapes(path, file, channels, axes)
        equation = text(file, "equation") or "unknown"
        return assemble(path, file, channels, channels, axes, names, equation)
