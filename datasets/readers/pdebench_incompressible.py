"""Reader of PDEBench's incompressible flow with a random force: ns_incom_inhom_2d_512-0.h5, -1.h5, ...

Layout: `velocity` [sample, time, x, y, 2], `particles` [sample, time, x, y, 1], `force` [sample, x, y, 2], `t`
[sample, time]. There are neither coordinates nor parameters.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from cape.datasets.fields import whole
from cape.datasets.hdf5_files import open_hdf5
from cape.datasets.numbering import number_initial_conditions
from cape.datasets.readers.coordinates import sample_times
from cape.datasets.readers.hdf5 import Hdf5Reader, numbers
from cape.datasets.readers.reader import READERS
from cape.datasets.slabs import Slab, SlabStore
from cape.datasets.trajectories import Trajectories

FIELDS = {"velocity": ("Vx", "Vy"), "particles": ("particles",), "force": ("force_x", "force_y")}


class IncompressibleReader(Hdf5Reader):
    """Reads incompressible flow, as in ns_incom_inhom_2d_512-0.h5."""

    name = "PDEBench incompressible flow"
    description = "'velocity' [sample, time, x, y, 2], 'particles', 'force', 't'"

    def recognises_layout(self, file: h5py.File) -> bool:
        return all(name in file for name in (*FIELDS, "t"))

    def open(self, path: Path) -> Trajectories:
        return open_incompressible(path)

    def notes(self, path: Path, trajectories: Trajectories) -> list[tuple[str, str]]:
        return [
            (
                "note",
                "no coordinates in the file: assumed to be cell centres of the unit square with walls around",
            )
        ]


READERS.add(IncompressibleReader())


def open_incompressible(path: str | Path) -> Trajectories:
    """Open incompressible flow, reading no field: velocity, advected particles, and the force, constant in time.

    Points are assumed to be the cell centres of the unit square, and its sides to be walls (no flow there). There is
    no parameter. All samples of all files have different initial conditions.

    Raises:
        ValueError: a dataset has the wrong shape; the message names it and the file.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        velocity = numbers(path, file, "velocity")
        if velocity.ndim != 5 or velocity.shape[-1] != 2 or 0 in velocity.shape:
            raise ValueError(
                f"{path}: 'velocity' has axes {list(velocity.shape)}, expected [sample, time, x, y, 2]"
            )
        shape = velocity.shape[:4]
        slabs = tuple(_slab(path, file, name, shape) for name in FIELDS)
        return Trajectories(
            fields=whole(SlabStore(path, slabs, shape)),
            parameters=np.zeros((shape[0], 0)),
            parameter_names=(),
            channel_names=tuple(channel for channels in FIELDS.values() for channel in channels),
            coordinates=tuple((np.arange(n) + 0.5) / n for n in shape[2:]),
            times=sample_times(path, file, "t", shape[0], [shape[1], shape[1] + 1], "velocity"),
            boundaries=("wall", "wall"),
            initial_conditions=number_initial_conditions(path.name, shape[0]),
            equation="incompressible",
        )


def _slab(path: Path, file: h5py.File, name: str, shape: tuple[int, ...]) -> Slab:
    field, components = numbers(path, file, name), len(FIELDS[name])
    varies = (True, name != "force", True, True)
    axes = tuple(n for n, present in zip(shape, varies, strict=True) if present)
    if field.shape not in ((*axes, components), axes if components == 1 else None):
        raise ValueError(
            f"{path}: {name!r} has axes {list(field.shape)}, expected {[*axes, components]} to match 'velocity' "
            f"{list(file['velocity'].shape)}"
        )
    return Slab(name, varies, tuple(range(components)))
