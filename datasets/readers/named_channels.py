"""Reader of files of our own solvers and surrogates whose fields are none of the benchmark's.

Layout: as the benchmark's (see pdebench.py), with one dataset [sample, time, *space] for each of the names in
the root attribute `channels`; the root attributes `parameters` (names), `equation` and `boundary`.
"""

from pathlib import Path

import h5py

from cape.datasets.readers.hdf5 import field_shape, open_hdf5, text, texts
from cape.datasets.readers.pdebench import AXES, CHANNELS, PARAMETERS, assemble, named_parameters
from cape.datasets.trajectories import Trajectories


def is_named_channels(file: h5py.File) -> bool:
    return CHANNELS in file.attrs


def open_named_channels(path: str | Path) -> Trajectories:
    """Open fields under the names in `channels`, each [sample, time, *space]. Reads no field.

    Parameters are those that the attribute `parameters` names, in its order.

    Raises:
        ValueError: naming the file and the attribute, dataset or parameter that is missing or does not fit.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        channels, names = texts(file, CHANNELS) or None, named_parameters(file)
        for attribute, found in ((CHANNELS, channels), (PARAMETERS, names)):
            if found is None:
                raise ValueError(f"{path}: root attribute {attribute!r} is missing, expected a list of names")
        axes = tuple(a for a in AXES if a in file) or AXES[:1]
        shapes = [field_shape(path, file, channel, axes) for channel in channels]
        for channel, shape in zip(channels, shapes, strict=True):
            if shape != shapes[0]:
                raise ValueError(
                    f"{path}: {channel!r} has axes {list(shape)}, expected {list(shapes[0])} as in {channels[0]!r}"
                )
        equation = text(file, "equation") or "unknown"
        return assemble(path, file, channels, channels, axes, names, equation)
