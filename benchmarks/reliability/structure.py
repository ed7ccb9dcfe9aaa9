"""Small HDF5 files as plain structures, which are damaged before they are written."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np


@dataclass
class Item:
    """A dataset: its values, and further arguments of `create_dataset`."""

    values: Any
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Structure:
    """The contents of a file.

    Attributes:
        file_name: its name, which some layouts need.
        items: datasets by their paths.
        attributes: attributes by the paths of their objects; "" is the root.
        links: soft, external and hard links (a text is the path of the linked object) by their paths.
        groups: groups that would be empty.
        version: "earliest" or "latest" format of HDF5; the latest has checksums of all metadata but heaps.
    """

    file_name: str
    items: dict[str, Item]
    attributes: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[str, Any] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    version: str = "earliest"

    def copy(self) -> Structure:
        return copy.deepcopy(self)

    def write(self, folder: Path) -> Path:
        """Write the file; raises what h5py raises for a structure that HDF5 does not allow."""
        path = folder / self.file_name
        with h5py.File(path, "w", libver=self.version) as file:
            for name in self.groups:
                file.require_group(name)
            for name, item in self.items.items():
                file.create_dataset(name, data=item.values, **item.options)
            for name, target in self.links.items():
                if name in file:
                    del file[name]
                file[name] = file[target] if isinstance(target, str) else target
            for name, attributes in self.attributes.items():
                found = file[name] if name else file
                for key, value in attributes.items():
                    found.attrs[key] = value
        return path

    def sealed(self, **options: Any) -> Structure:
        """Return the same contents in the latest format with checksums of all that is read.

        Texts have a fixed length then, as those of variable length are in a heap without checksums.
        """
        other = self.copy()
        other.version = "latest"
        for item in other.items.values():
            item.options = {"chunks": np.shape(item.values), "fletcher32": True} | options
        for attributes in other.attributes.values():
            for key, value in attributes.items():
                if isinstance(value, str) or (isinstance(value, list) and isinstance(value[0], str)):
                    attributes[key] = np.array(value, "S")
        return other


def fields(*shape: int) -> np.ndarray:
    """Return smooth values of this shape that differ everywhere."""
    size = int(np.prod(shape))
    return np.sin(np.arange(size, dtype=np.float64) * 0.37).reshape(shape).astype(np.float32)


def centres(points: int) -> Item:
    return Item(((np.arange(points) + 0.5) / points).astype(np.float32))


def times(frames: int) -> Item:
    return Item(0.25 * np.arange(frames, dtype=np.float32))


def scalar() -> Structure:
    """PDEBench's scalar equations."""
    items = {"tensor": Item(fields(3, 4, 8)), "t-coordinate": times(5), "x-coordinate": centres(8)}
    return Structure("1D_Burgers_Sols_Nu0.01.hdf5", items, {"": {"Nu": 0.01}})


def compressible() -> Structure:
    """PDEBench's compressible flow, in 2D."""
    items = {name: Item(fields(2, 3, 4, 6)) for name in ("density", "pressure", "Vx", "Vy")}
    items |= {"t-coordinate": times(4), "x-coordinate": centres(4), "y-coordinate": centres(6)}
    name = "2D_CFD_Rand_M0.1_Eta0.01_Zeta0.01_periodic_4_Train.hdf5"
    return Structure(name, items, {"": {"M": 0.1, "eta": 0.01, "zeta": 0.01}})


def incompressible() -> Structure:
    """PDEBench's incompressible flow."""
    items = {
        "velocity": Item(fields(2, 3, 6, 6, 2)),
        "particles": Item(fields(2, 3, 6, 6, 1)),
        "force": Item(fields(2, 6, 6, 2)),
        "t": Item(np.tile(0.005 * np.arange(3), (2, 1))),
    }
    return Structure("ns_incom_inhom_2d_6-0.h5", items)


def samples() -> Structure:
    """PDEBench's files with a group per sample."""
    items, attributes = {}, {}
    for i in range(3):
        group = f"{i:04d}"
        items |= {f"{group}/data": Item(fields(4, 6, 5, 1)), f"{group}/grid/t": times(4)}
        items |= {f"{group}/grid/x": centres(6), f"{group}/grid/y": centres(5)}
        text = f"sim:\n  seed: {i}\n  dam_radius: {0.3 + 0.1 * i}\n  gravity: 1.0\n  tag: [1, 2]\n"
        attributes[group] = {"config": text}
    return Structure("2D_rdb_NA_NA.h5", items, attributes)


def the_well() -> Structure:
    """The Well, with fields of all ranks, a mask and parameters of both kinds."""
    items = {
        "dimensions/time": times(4),
        "dimensions/x": centres(4),
        "dimensions/y": centres(6),
        "t0_fields/density": Item(fields(2, 4, 4, 6)),
        "t0_fields/depth": Item(fields(4, 6)),
        "t1_fields/velocity": Item(fields(2, 4, 4, 6, 2)),
        "t2_fields/stress": Item(fields(2, 4, 4, 6, 2, 2)),
        "scalars/Re": Item(np.array([100.0, 200.0])),
        "boundary_conditions/x_wall/mask": Item(np.array([True, False, False, True])),
    }
    everywhere = {"sample_varying": True, "time_varying": True, "dim_varying": [True, True]}
    attributes: dict[str, dict[str, Any]] = {
        "": {"dataset_name": "flow", "n_trajectories": 2, "simulation_parameters": ["k"], "k": 0.5},
        "dimensions": {"spatial_dims": ["x", "y"]},
        "t0_fields": {"field_names": ["density", "depth"]},
        "t1_fields": {"field_names": ["velocity"]},
        "t2_fields": {"field_names": ["stress"]},
        "scalars": {"field_names": ["Re"]},
        "t0_fields/density": dict(everywhere),
        "t0_fields/depth": everywhere | {"sample_varying": False, "time_varying": False},
        "t1_fields/velocity": dict(everywhere),
        "t2_fields/stress": everywhere | {"symmetric": True, "antisymmetric": False},
        "scalars/Re": {"sample_varying": True, "time_varying": False},
        "boundary_conditions/x_wall": {"bc_type": "WALL", "associated_dims": ["x"]},
        "boundary_conditions/y": {"bc_type": "PERIODIC", "associated_dims": ["y"]},
    }
    return Structure("flow.hdf5", items, attributes, groups=["boundary_conditions/y"])


def written() -> Structure:
    """A file of this package, with named channels."""
    items = {
        "u": Item(fields(3, 4, 8)),
        "v": Item(fields(3, 4, 8)),
        "t-coordinate": times(4),
        "x-coordinate": centres(8),
        "F": Item(np.array([0.1, 0.2, 0.3])),
        "initial-condition": Item(np.arange(3)),
    }
    attributes = {
        "": {
            "equation": "gray-scott",
            "boundary": "wall",
            "channels": ["u", "v"],
            "parameters": ["F", "k"],
            "k": 0.06,
        }
    }
    return Structure("written.hdf5", items, attributes)


LAYOUTS = {make.__name__: make for make in (scalar, compressible, incompressible, samples, the_well, written)}
