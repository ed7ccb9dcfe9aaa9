"""The layout of PDEBench's HDF5 files with one array per field, which the files of this package share.

Fields are [sample, time, *space]. `x-coordinate`[, `y-coordinate`[, `z-coordinate`]] [n] are cell centres;
`t-coordinate` is [time] or one longer. Parameters are root attributes or parts of the file's name.

Files of this package may add datasets [sample]: parameters by their names (which take precedence over attributes) and
`initial-condition` (integers). They may add the root attributes `equation`, `boundary` and `parameters` (names in
order).
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np

from cape.datasets.boundaries import BOUNDARIES
from cape.datasets.fields import whole
from cape.datasets.hdf5_files import open_hdf5
from cape.datasets.readers.coordinates import axis
from cape.datasets.readers.hdf5 import class_of, field_shape, is_real, listing, numbers, text, texts
from cape.datasets.stores import FileStore
from cape.datasets.trajectories import Trajectories

AXES = ("x-coordinate", "y-coordinate", "z-coordinate")
TIMES = "t-coordinate"
INITIAL_CONDITION = "initial-condition"
SEED = "seed"  # root attribute of simulated files, whose numbers of initial conditions follow from it
SCALAR = "tensor"  # the field of a scalar equation
CHANNELS = "channels"  # root attribute of files that name their fields
PARAMETERS = "parameters"  # root attribute of files that name their parameters
NUMBER = r"((?!0\d)\d+(?:\.\d*)?(?:e[+-]?\d+)?)"  # 0.4, 1.e-8, 1e-08; not 01, which some names write for 0.1


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
    """Return the trajectories of the fields [sample, time, *space] of a file.

    Args:
        datasets: the field of each channel.
        channels: names of the channels.
        axes: datasets of the coordinates, one per axis.
        names: names of the parameters.
        default_boundary: boundary of all axes, if neither an attribute nor the file's name holds one.

    Raises:
        ValueError: a dataset or parameter is missing or has the wrong shape, or boundaries are unknown.
    """
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
        numbering="seed" if INITIAL_CONDITION in file and SEED in file.attrs else "position",
    )


def check_shapes(path: Path, file: h5py.File, datasets: tuple[str, ...], axes: tuple[str, ...]) -> None:
    """Raise ValueError unless all fields have the shape [sample, time, *space] of the first one."""
    first = field_shape(path, file, datasets[0], axes)
    for name in datasets[1:]:
        shape = field_shape(path, file, name, axes)
        if shape != first:
            raise ValueError(
                f"{path}: {name!r} has axes {list(shape)}, expected {list(first)} as in {datasets[0]!r}"
            )


def layout_notes(path: Path, trajectories: Trajectories) -> list[tuple[str, str]]:
    """Return the notes that the times are one longer than the frames, and which objects are not read, if any."""
    notes = []
    read = {
        *AXES,
        TIMES,
        INITIAL_CONDITION,
        SCALAR,
        *trajectories.channel_names,
        *trajectories.parameter_names,
    }
    with open_hdf5(path) as file:
        if len(file[TIMES]) == trajectories.frames + 1:
            notes.append(f"'{TIMES}' is one longer than the frames, as in the published files")
        unread = [name for name in file if name not in read]
    if unread:
        notes.append(f"not read, as neither fields nor parameters: {listing(unread)}")
    return [("note", note) for note in notes]


def named_parameters(file: h5py.File) -> tuple[str, ...] | None:
    """Return the names in the attribute `parameters`, or None if it is absent or not a list of names."""
    if PARAMETERS in file.attrs and np.size(file.attrs[PARAMETERS]) == 0:
        return ()
    return texts(file, PARAMETERS) or None


def _parameter(path: Path, file: h5py.File, name: str, samples: int) -> np.ndarray:
    """Read one value per sample from a dataset [sample], a root attribute or the file's name; the first one found."""
    if name in file and class_of(file, name) is not h5py.Group:
        values = numbers(path, file, name)
        if values.shape != (samples,):
            raise ValueError(
                f"{path}: parameter {name!r} has shape {list(values.shape)}, expected [{samples}]"
            )
        return values[...].astype(np.float64)
    value = single_value(path, file, name)
    if value is None:
        attributes = ", ".join(sorted(file.attrs)) or "none"
        raise ValueError(
            f"{path}: no parameter {name!r}: expected a root attribute, a dataset [{samples}] or "
            f"_{name}<number> in the file's name; root attributes found: {attributes}"
        )
    return np.full(samples, value)


def single_value(path: Path, file: h5py.File, name: str) -> float | None:
    """Return the value of a parameter in a root attribute or the file's name, in any case, or None."""
    same = [a for a in file.attrs if a.lower() == name.lower()]
    if same:
        spelled = name if name in same else same[0]
        value = np.asarray(file.attrs[spelled])
        if value.size != 1 or not is_real(value.dtype):
            raise ValueError(f"{path}: root attribute {spelled!r} is {value.tolist()!r}, expected one number")
        return float(value.reshape(()))
    found = re.search(rf"(?:^|_){re.escape(name)}{NUMBER}(?=_|$)", _stem(path), re.IGNORECASE)
    return float(found[1]) if found else None


def _stem(path: Path) -> str:
    return re.sub(r"\.(hdf5|h5)$", "", path.name, flags=re.IGNORECASE)


def _boundaries(path: Path, file: h5py.File, default: str | None, axes: int) -> tuple[str, ...]:
    """Return the boundary of each axis by the attribute `boundary` ("wall", "periodic, wall") or the file's name."""
    parts = _stem(path).lower().split("_")
    named = "outgoing" if "trans" in parts else "periodic" if "periodic" in parts else default
    found = text(file, "boundary") or named
    if found is None:
        raise ValueError(
            f"{path}: boundaries unknown: expected 'periodic' or 'trans' (outgoing) as a part of the file's "
            f"name, or a root attribute 'boundary', one of {BOUNDARIES}"
        )
    boundaries = tuple(boundary.strip() for boundary in found.split(","))
    if not set(boundaries) <= set(BOUNDARIES) or len(boundaries) not in (1, axes):
        raise ValueError(
            f"{path}: root attribute 'boundary' is {found!r}, expected one of {BOUNDARIES}, or {axes} of them "
            "separated by commas"
        )
    return boundaries if len(boundaries) == axes else boundaries * axes


def _initial_conditions(path: Path, file: h5py.File, samples: int) -> np.ndarray:
    if INITIAL_CONDITION not in file:  # all files of one equation of PDEBench have the same ones, in order
        return np.arange(samples)
    ids = numbers(path, file, INITIAL_CONDITION)
    if ids.shape != (samples,) or not np.issubdtype(ids.dtype, np.integer):
        raise ValueError(
            f"{path}: {INITIAL_CONDITION!r} is {ids.dtype} {list(ids.shape)}, expected integers [{samples}]"
        )
    return ids[...].astype(np.int64)
