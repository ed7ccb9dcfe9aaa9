"""Reader of PDEBench's files of scalar equations (pdebench_layout.py describes the layout)."""

from __future__ import annotations

from pathlib import Path

import h5py

from cape.datasets.hdf5_files import open_hdf5
from cape.datasets.readers.hdf5 import Hdf5Reader, field_shape, is_real, text
from cape.datasets.readers.pdebench_layout import (
    AXES,
    INITIAL_CONDITION,
    SCALAR,
    TIMES,
    assemble,
    layout_notes,
    named_parameters,
    single_value,
)
from cape.datasets.readers.reader import READERS
from cape.datasets.trajectories import Trajectories

PARAMETERS_OF = {"advection": ("beta",), "burgers": ("Nu",), "reaction-diffusion": ("Nu", "rho")}
KNOWN_PARAMETERS = ("beta", "Nu", "rho")
IN_FILE_NAME = {"advection": "advection", "burgers": "burgers", "reacdiff": "reaction-diffusion"}


class ScalarReader(Hdf5Reader):
    """Reads scalar fields, as in 1D_Burgers_Sols_Nu0.01.hdf5."""

    name = "PDEBench scalar"
    description = "'tensor' [sample, time, x] with 'x-coordinate'"

    def recognises_layout(self, file: h5py.File) -> bool:
        return SCALAR in file

    def open(self, path: Path) -> Trajectories:
        return open_scalar(path)

    def notes(self, path: Path, trajectories: Trajectories) -> list[tuple[str, str]]:
        return layout_notes(path, trajectories)


READERS.add(ScalarReader())


def open_scalar(path: str | Path) -> Trajectories:
    """Open a file with `tensor` [sample, time, x[, y[, z]]], reading no field. It is periodic unless it says otherwise.

    Parameters are `beta` (advection), `Nu` (Burgers, with the diffusion coefficient Nu/π), `Nu` and `rho`
    (reaction-diffusion). Further datasets [sample] of integers or real numbers are further parameters, in alphabetical
    order.

    Raises:
        ValueError: a dataset or parameter is missing or has the wrong shape; the message names it and the file.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        axes = tuple(a for a in AXES if a in file) or AXES[:1]
        if "nu" in file and "beta" in file.attrs:
            raise ValueError(
                f"{path}: steady Darcy flow (a coefficient field 'nu'), expected {SCALAR!r} [sample, time, x]"
            )
        shape = field_shape(path, file, SCALAR, axes)
        equation, names = _equation(path, file, shape[0])
        return assemble(path, file, (SCALAR,), ("u",), axes, names, equation, default_boundary="periodic")


def _equation(path: Path, file: h5py.File, samples: int) -> tuple[str, tuple[str, ...]]:
    """Return the equation (by the attribute `equation`, the file's name, or its parameters) and the parameter names."""
    reserved = {*AXES, TIMES, INITIAL_CONDITION, SCALAR, *KNOWN_PARAMETERS}
    others = tuple(name for name in sorted(file) if name not in reserved and _per_sample(file, name, samples))
    known = tuple(n for n in KNOWN_PARAMETERS if n in file or single_value(path, file, n) is not None)
    by_name = next((e for part, e in IN_FILE_NAME.items() if part in path.name.lower()), None)
    by_parameters = next((e for e, names in PARAMETERS_OF.items() if names == known), "unknown")
    equation = text(file, "equation") or by_name or by_parameters
    named = named_parameters(file)
    names = (*PARAMETERS_OF.get(equation, known), *others) if named is None else named
    if not names and named is None:
        raise ValueError(
            f"{path}: no parameter found; expected beta (advection), Nu (Burgers) or Nu and rho (reaction-"
            "diffusion) as root attributes, as datasets [sample] or in the file's name (_Nu0.01)"
        )
    return equation, names


def _per_sample(file: h5py.File, name: str, samples: int) -> bool:
    found = file.get(name)  # None for a link to nothing
    return isinstance(found, h5py.Dataset) and found.shape == (samples,) and is_real(found.dtype)
