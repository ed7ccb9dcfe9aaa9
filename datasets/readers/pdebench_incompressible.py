"""Reader of PDEBench's incompressible flow with a random force: ns_incom_inhom_2d_512-0.h5, -1.h5, ...

Layout: `velocity` [sample, time, x, y, 2], `particles` [sample, time, x, y, 1], `force` [sample, x, y, 2], `t`
[sample, time]; neither coordinates nor parameters.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from cape.datasets.fields import whole
from cape.datasets.readers.hdf5 import dataset, open_hdf5, sample_times
from cape.datasets.slabs import Slab, SlabStore
from cape.datasets.start_numbers import numbered_from
from cape.datasets.trajectories import Trajectories

FIELDS = {"velocity": ("Vx", "Vy"), "particles": ("particles",), "force": ("force_x", "force_y")}


def is_incompressible(file: h5py.File) -> bool:
    return {*FIELDS, "t"} <= set(file)


def open_incompressible(path: str | Path) -> Trajectories:
    """Open incompressible flow: velocity, particles carried along, and the force, the same in all frames.

    Points are taken as the cell centres of the unit square, its sides as walls (no flow there). There is no
    parameter. Every sample of every file has an initial condition of its own. Reads no field.

    Raises:
        ValueError: naming the file and the dataset that has the wrong shape.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        velocity = dataset(path, file, "velocity")
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
            initial_conditions=numbered_from(path.name, shape[0]),
            equation="incompressible",
        )


def incompressible_notes(path: Path, trajectories: Trajectories) -> list[tuple[str, str]]:
    """Tell what the file does not say."""
    return [
        ("note", "no coordinates in the file: taken as cell centres of the unit square, with walls around")
    ]


def _slab(path: Path, file: h5py.File, name: str, shape: tuple[int, ...]) -> Slab:
    field, components = dataset(path, file, name), len(FIELDS[name])
    varies = (True, name != "force", True, True)
    axes = tuple(n for n, present in zip(shape, varies, strict=True) if present)
    if field.shape not in ((*axes, components), axes if components == 1 else None):
        raise ValueError(
            f"{path}: {name!r} has axes {list(field.shape)}, expected {[*axes, components]} to go with 'velocity' "
            f"{list(file['velocity'].shape)}"
        )
    return Slab(name, varies, tuple(range(components)))
