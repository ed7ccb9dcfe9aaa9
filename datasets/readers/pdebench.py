"""Readers of PDEBench's HDF5 files with one array per field: scalar equations and compressible flow.

Layout: fields [sample, time, *space]; `x-coordinate`[, `y-coordinate`[, `z-coordinate`]] [n], cell centres;
`t-coordinate` [time] or one longer; parameters as root attributes, or else in the file's name. Files of our
own solvers may add datasets with one entry per sample: parameters by their names (these win over the
attributes) and `initial-condition` (integers); and the root attributes `equation`, `boundary` and
`parameters` (their names in order).
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np

from cape.datasets.fields import FileStore, whole
from cape.datasets.readers.hdf5 import axis, field_shape, open_hdf5, text, texts
from cape.datasets.trajectories import BOUNDARIES, Trajectories

AXES = ("x-coordinate", "y-coordinate", "z-coordinate")
TIMES = "t-coordinate"
INITIAL_CONDITION = "initial-condition"
SCALAR = "tensor"
CHANNELS = "channels"  # root attribute of files whose fields have names of their own
PARAMETERS = "parameters"  # root attribute of files that name their parameters
VELOCITIES = ("Vx", "Vy", "Vz")
SCALAR_PARAMETERS = {"advection": ("beta",), "burgers": ("Nu",), "reaction-diffusion": ("Nu", "rho")}
KNOWN_PARAMETERS = ("beta", "Nu", "rho")
IN_FILE_NAME = {"advection": "advection", "burgers": "burgers", "reacdiff": "reaction-diffusion"}
NUMBER = r"((?!0\d)\d+(?:\.\d*)?(?:e[+-]?\d+)?)"  # 0.4, 1.e-8, 1e-08; not 01, by which some names mean 0.1


def is_scalar(file: h5py.File) -> bool:
    return SCALAR in file


def is_compressible(file: h5py.File) -> bool:
    return not {SCALAR, CHANNELS} & {*file, *file.attrs} and ("density" in file or VELOCITIES[0] in file)


def open_scalar(path: str | Path) -> Trajectories:
    """Open a file of a scalar equation: `tensor` [sample, time, x[, y[, z]]], periodic. Reads no field.

    Parameters: `beta` (advection), `Nu` (Burgers, whose diffusion coefficient is Nu/π), `Nu` and `rho`
    (reaction-diffusion); further float datasets [sample] are further parameters, in alphabetical order.

    Raises:
        ValueError: naming the file and the dataset or parameter that is missing or has the wrong shape.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        axes = tuple(a for a in AXES if a in file) or AXES[:1]
        if "nu" in file and "beta" in file.attrs:
            raise ValueError(
                f"{path}: steady Darcy flow (a coefficient field 'nu'), expected {SCALAR!r} [sample, time, x]"
            )
        shape = field_shape(path, file, SCALAR, axes)
        equation, names = _scalar_equation(path, file, shape[0])
        return assemble(path, file, (SCALAR,), ("u",), axes, names, equation, default_boundary="periodic")


def open_compressible(path: str | Path) -> Trajectories:
    """Open compressible flow: `density`, `pressure`, `Vx`[, `Vy`[, `Vz`]], each [sample, time, *space].

    Parameters in order: (eta, zeta) in 1D, (M, eta, zeta) in 2D and 3D. Boundaries from the file's name (or
    the root attribute `boundary`): "periodic" is periodic, "trans" is outgoing. Reads no field.

    Raises:
        ValueError: naming the file and the dataset or parameter that is missing or has the wrong shape.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        dimension = max((i + 1 for i in range(3) if VELOCITIES[i] in file or AXES[i] in file), default=1)
        channels = ("density", "pressure", *VELOCITIES[:dimension])
        shapes = [field_shape(path, file, c, AXES[:dimension]) for c in channels]
        for channel, shape in zip(channels, shapes, strict=True):
            if shape != shapes[0]:
                raise ValueError(
                    f"{path}: {channel!r} has axes {list(shape)}, expected {list(shapes[0])} as in 'density'"
                )
        names = named_parameters(file)
        names = (() if dimension == 1 else ("M",)) + ("eta", "zeta") if names is None else names
        return assemble(path, file, channels, channels, AXES[:dimension], names, f"compressible{dimension}d")


def assemble(
    path: Path,
    file: h5py.File,
    datasets: tuple[str, ...],
    channels: tuple[str, ...],
    axes: tuple[str, ...],
    names: tuple[str, ...],
    equation: str,
    default_boundary: str | None = None,
) -> Trajectories:
    """Describe fields [sample, time, *space], one dataset per channel, with what this file says of them."""
    field = datasets[0]
    shape = file[field].shape
    samples, frames, *resolution = shape
    coordinates = [axis(path, file, a, [n], field) for a, n in zip(axes, resolution, strict=True)]
    return Trajectories(
        fields=whole(FileStore(path, datasets, shape)),
        parameters=np.array([_parameter(path, file, name, samples) for name in names]).reshape(-1, samples).T,
        parameter_names=names,
        channel_names=channels,
        coordinates=tuple(coordinates),
        times=axis(path, file, TIMES, [frames, frames + 1], field),
        boundaries=_boundaries(path, file, default_boundary, len(axes)),
        initial_conditions=_initial_conditions(path, file, samples),
        equation=equation,
    )


def named_parameters(file: h5py.File) -> tuple[str, ...] | None:
    """Names in the attribute `parameters`, of which there may be none; None where it is absent or no list of names."""
    if PARAMETERS in file.attrs and np.size(file.attrs[PARAMETERS]) == 0:
        return ()
    return texts(file, PARAMETERS) or None


def _scalar_equation(path: Path, file: h5py.File, samples: int) -> tuple[str, tuple[str, ...]]:
    """Equation (from the attribute `equation`, the file's name, or its parameters) and parameter names."""
    reserved = {*AXES, TIMES, INITIAL_CONDITION, SCALAR, *KNOWN_PARAMETERS}
    own = tuple(name for name in sorted(file) if name not in reserved and _per_sample(file, name, samples))
    known = tuple(n for n in KNOWN_PARAMETERS if n in file or _single_value(path, file, n) is not None)
    by_name = next((e for part, e in IN_FILE_NAME.items() if part in path.name.lower()), None)
    by_parameters = next((e for e, names in SCALAR_PARAMETERS.items() if names == known), "unknown")
    equation = text(file, "equation") or by_name or by_parameters
    named = named_parameters(file)
    names = (*SCALAR_PARAMETERS.get(equation, known), *own) if named is None else named
    if not names and named is None:
        raise ValueError(
            f"{path}: no parameter found; expected beta (advection), Nu (Burgers) or Nu and rho (reaction-"
            "diffusion) as root attributes, as datasets [sample] or in the file's name (_Nu0.01)"
        )
    return equation, names


def _per_sample(file: h5py.File, name: str, samples: int) -> bool:
    d = file[name]
    return isinstance(d, h5py.Dataset) and d.shape == (samples,) and np.issubdtype(d.dtype, np.floating)


def _parameter(path: Path, file: h5py.File, name: str, samples: int) -> np.ndarray:
    """One value per sample: from a dataset [sample], else the root attribute, else the file's name."""
    if isinstance(file.get(name), h5py.Dataset):
        values = file[name]
        if values.shape != (samples,):
            raise ValueError(
                f"{path}: parameter {name!r} has shape {list(values.shape)}, expected [{samples}]"
            )
        return values[...].astype(np.float64)
    value = _single_value(path, file, name)
    if value is None:
        attributes = ", ".join(sorted(file.attrs)) or "none"
        raise ValueError(
            f"{path}: no parameter {name!r}: expected a root attribute, a dataset [{samples}] or "
            f"_{name}<number> in the file's name; root attributes found: {attributes}"
        )
    return np.full(samples, value)


def _single_value(path: Path, file: h5py.File, name: str) -> float | None:
    """Value of a parameter in a root attribute or the file's name, upper or lower case, else None."""
    same = [a for a in file.attrs if a.lower() == name.lower()]
    if same:
        spelled = name if name in same else same[0]
        value = np.asarray(file.attrs[spelled])
        if value.size != 1 or not np.issubdtype(value.dtype, np.number):
            raise ValueError(f"{path}: root attribute {spelled!r} is {value.tolist()!r}, expected one number")
        return float(value.reshape(()))
    found = re.search(rf"(?:^|_){name}{NUMBER}(?=_|$)", _stem(path), re.IGNORECASE)
    return float(found[1]) if found else None


def _stem(path: Path) -> str:
    return re.sub(r"\.(hdf5|h5)$", "", path.name, flags=re.IGNORECASE)


def _boundaries(path: Path, file: h5py.File, default: str | None, axes: int) -> tuple[str, ...]:
    """One kind per axis, from the attribute `boundary` ("wall", or "periodic, wall") or the file's name."""
    parts = _stem(path).lower().split("_")
    named = "outgoing" if "trans" in parts else "periodic" if "periodic" in parts else default
    found = text(file, "boundary") or named
    if found is None:
        raise ValueError(
            f"{path}: boundaries unknown: expected 'periodic' or 'trans' (outgoing) as a part of the file's "
            f"name, or a root attribute 'boundary', one of {BOUNDARIES}"
        )
    kinds = tuple(kind.strip() for kind in found.split(","))
    if not set(kinds) <= set(BOUNDARIES) or len(kinds) not in (1, axes):
        raise ValueError(
            f"{path}: root attribute 'boundary' is {found!r}, expected one of {BOUNDARIES}, or {axes} of them "
            "separated by commas"
        )
    return kinds if len(kinds) == axes else kinds * axes


def _initial_conditions(path: Path, file: h5py.File, samples: int) -> np.ndarray:
    if (
        INITIAL_CONDITION not in file
    ):  # every file of one PDEBench equation starts from the same ones, in order
        return np.arange(samples)
    ids = file[INITIAL_CONDITION]
    if ids.shape != (samples,) or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(
            f"{path}: {INITIAL_CONDITION!r} is {ids.dtype} {list(ids.shape)}, expected integers [{samples}]"
        )
    return ids[...].astype(np.int64)
