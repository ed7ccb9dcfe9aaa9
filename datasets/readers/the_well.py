"""Reader of The Well's files: <name>/data/{train,valid,test}/*.hdf5 (polymathic-ai.org/the_well/data_format).

Layout: `dimensions` (attribute `spatial_dims`) with `time` and one dataset per axis; scalars, vectors and tensors in
`t0_fields`, `t1_fields`, `t2_fields` [sample, time, *space, *component], where axes along which a field is constant are
absent; `boundary_conditions`; parameters named by the root attribute `simulation_parameters`, in `scalars` or as root
attributes.
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np

from cape.datasets.fields import whole
from cape.datasets.hdf5_files import open_hdf5
from cape.datasets.numbering import number_initial_conditions
from cape.datasets.readers.coordinates import axis, sample_times
from cape.datasets.readers.hdf5 import Hdf5Reader, listing, text, texts
from cape.datasets.readers.reader import READERS
from cape.datasets.readers.well_boundaries import boundaries_of, boundary_notes
from cape.datasets.readers.well_fields import RANKS, field_names, fields_of, shape_of, unlisted_fields
from cape.datasets.readers.well_parameters import parameters_of, unused_parameters
from cape.datasets.readers.yaml_text import numbers_of_file
from cape.datasets.slabs import SlabStore
from cape.datasets.trajectories import Trajectories

SPLITS = ("train", "valid", "test")


class WellReader(Hdf5Reader):
    """Reads The Well."""

    name = "The Well"
    description = "'dimensions', 't0_fields', 't1_fields', 't2_fields', 'boundary_conditions'"

    def recognises_layout(self, file: h5py.File) -> bool:
        return "dimensions" in file and any(group in file for group in RANKS)

    def open(self, path: Path) -> Trajectories:
        return open_the_well(path)

    def notes(self, path: Path, trajectories: Trajectories) -> list[tuple[str, str]]:
        notes = [
            "sample i of files that differ in parameters only is taken to have the same initial condition"
        ]
        with open_hdf5(path) as file:
            grid = text(file, "grid_type")
            if grid and grid.lower() != "cartesian":
                notes.append(f"grid type {grid}: axes and components are used as if they were Cartesian")
            unused = unused_parameters(file, trajectories.parameter_names)
            if unused:
                notes.append(f"not parameters, as they are not one number per sample: {', '.join(unused)}")
            unlisted = unlisted_fields(file)
            if unlisted:
                notes.append(f"not read, as 'field_names' does not name them: {listing(unlisted)}")
            notes.extend(boundary_notes(file))
        return [("note", note) for note in notes] + _statistics(path)


READERS.add(WellReader())


def open_the_well(path: str | Path) -> Trajectories:
    """Open one file of The Well, reading no field.

    Channels are the fields in the order of the file. Components are named after the axes: velocity_x, stress_xy.
    Components of a symmetric tensor appear once. A field that is constant in sample and time is a channel too.

    The Well does not say which trajectories have the same initial condition. Sample i is taken to have the initial
    condition of sample i of those files whose names differ in parameter values or words, but not in other numbers
    (..._chunk_3). Samples of train, valid and test are taken to have different ones.

    Raises:
        ValueError: a dataset, attribute or parameter is missing or does not fit; the message names it and the file.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        axes = texts(file["dimensions"], "spatial_dims")
        if not 1 <= len(axes) <= 3:
            raise ValueError(
                f"{path}: 'dimensions' has spatial_dims {axes}, expected the names of 1 to 3 axes"
            )
        fields = field_names(path, file)
        first = next(iter(fields))
        shape = shape_of(path, file, axes, list(fields))
        slabs, channels = fields_of(path, file, fields, axes, shape)
        names, parameters = parameters_of(path, file, shape[0])
        return Trajectories(
            fields=whole(SlabStore(path, slabs, shape)),
            parameters=parameters,
            parameter_names=names,
            channel_names=channels,
            coordinates=tuple(
                axis(path, file, f"dimensions/{a}", [n], first) for a, n in zip(axes, shape[2:], strict=True)
            ),
            times=sample_times(path, file, "dimensions/time", shape[0], [shape[1]], first),
            boundaries=boundaries_of(path, file, axes),
            initial_conditions=number_initial_conditions(_series(path, file, parameters), shape[0]),
            equation=text(file, "dataset_name") or "unknown",
        )


def _series(path: Path, file: h5py.File, parameters: np.ndarray) -> str:
    """Return what files have in common whose samples of one number are taken to have the same initial condition."""
    values = np.unique(parameters)
    written = re.findall(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", path.stem)
    others = [number for number in written if not np.isclose(float(number), values, rtol=1e-3, atol=0).any()]
    folder = path.absolute().parent.name
    split = folder if folder in SPLITS else ""
    return "/".join([text(file, "dataset_name") or "unknown", split, *others])


def _statistics(path: Path) -> list[tuple[str, str]]:
    """Return mean and standard deviation from <name>/stats.yaml, if the file is in <name>/data/<split>/."""
    data = path.absolute().parent.parent
    stats = data.parent / "stats.yaml"
    if data.name != "data" or not stats.is_file():
        return []
    try:
        numbers = numbers_of_file(stats)
    except (ValueError, OSError) as error:
        return [("warning", f"{stats}: {error}")]
    fields = [entry.removeprefix("mean.") for entry in numbers if entry.startswith("mean.")]
    shown = ", ".join(f"{f} {numbers[f'mean.{f}']:g} ± {numbers.get(f'std.{f}', np.nan):g}" for f in fields)
    return [("stats.yaml", shown)] if shown else []
