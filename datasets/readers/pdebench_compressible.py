"""Reader of PDEBench's files of compressible flow (pdebench_layout.py describes the layout)."""

from __future__ import annotations

from pathlib import Path

import h5py

from cape.datasets.hdf5_files import open_hdf5
from cape.datasets.readers.hdf5 import Hdf5Reader
from cape.datasets.readers.pdebench_layout import (
    AXES,
    CHANNELS,
    SCALAR,
    assemble,
    check_shapes,
    layout_notes,
    named_parameters,
)
from cape.datasets.readers.reader import READERS
from cape.datasets.trajectories import Trajectories

VELOCITIES = ("Vx", "Vy", "Vz")


class CompressibleReader(Hdf5Reader):
    """Reads compressible flow, as in 2D_CFD_Rand_M0.1_Eta0.01_Zeta0.01_periodic_128_Train.hdf5."""

    name = "PDEBench compressible flow"
    description = "'density', 'pressure', 'Vx'[, 'Vy'[, 'Vz']] [sample, time, *space]"

    def recognises_layout(self, file: h5py.File) -> bool:
        others = SCALAR in file or CHANNELS in file.attrs
        return not others and ("density" in file or VELOCITIES[0] in file)

    def open(self, path: Path) -> Trajectories:
        return open_compressible(path)

    def notes(self, path: Path, trajectories: Trajectories) -> list[tuple[str, str]]:
        return layout_notes(path, trajectories)


READERS.add(CompressibleReader())


def open_compressible(path: str | Path) -> Trajectories:
    """Open a file with `density`, `pressure`, `Vx`[, `Vy`[, `Vz`]], each [sample, time, *space], reading no field.

    Parameters are (eta, zeta) in 1D and (M, eta, zeta) in 2D and 3D, in this order. Boundaries are those of the root
    attribute `boundary` or of the file's name, in which "periodic" is periodic and "trans" is outgoing.

    Raises:
        ValueError: a dataset or parameter is missing or has the wrong shape; the message names it and the file.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        dimension = max((i + 1 for i in range(3) if VELOCITIES[i] in file or AXES[i] in file), default=1)
        channels = ("density", "pressure", *VELOCITIES[:dimension])
        check_shapes(path, file, channels, AXES[:dimension])
        names = named_parameters(file)
        names = (() if dimension == 1 else ("M",)) + ("eta", "zeta") if names is None else names
        return assemble(path, file, channels, channels, AXES[:dimension], names, f"compressible{dimension}d")
