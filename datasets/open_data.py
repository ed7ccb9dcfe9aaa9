"""Open data of any usual form as trajectories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from cape.datasets.formats.by_order import in_order
from cape.datasets.formats.description import describe
from cape.datasets.formats.reader import ArraysReader
from cape.datasets.formats.xarray_file import as_dataset
from cape.datasets.opening import Paths, open_files
from cape.datasets.trajectories import Trajectories

if TYPE_CHECKING:
    import xarray


def open_data(
    data: Paths | xarray.Dataset | xarray.DataArray,
    *,
    axes: str | Sequence[str] | None = None,
    parameters: Mapping[str, ArrayLike | str] | Sequence[str] | str | None = None,
    table: str | Path | None = None,
    dt: float | None = None,
    times: ArrayLike | str | None = None,
    dx: float | Sequence[float] | None = None,
    coordinates: Sequence[ArrayLike | str] | None = None,
    fields: str | Sequence[str] | None = None,
    channels: Sequence[str] | None = None,
    boundaries: str | Sequence[str] | None = None,
    equation: str | None = None,
    initial_conditions: ArrayLike | str | None = None,
    trusted: bool = False,
) -> Trajectories:
    """Open files of one PDE, folders of such files, or a Dataset of xarray; this reads no field.

    Files of known layouts (PDEBench, The Well, files of this package) need no further argument. Other files are .npy,
    .npz, netCDF, zarr, MATLAB or HDF5 files of arrays. What their names, shapes and coordinates do not say is asked for
    in one message, which shows the call with the blanks to fill in. Wherever an array is expected, the name of one in
    the files may be given.

    Args:
        axes: what the axes of the fields mean, in the order of the array: words of sample, time, x, y, z, channel, such
            as "sample time x". Without "sample", every file is one sample.
        parameters: a dict from names to numbers, values [sample], or names in the files; or names. A name stands for an
            array, "name[i]" for column i of one, an attribute, a column of `table`, or a part of the file's name.
        table: a CSV or JSON file with parameters. Rows are matched by a column `file`, or are in the order of samples
            or files.
        dt: time between frames; the first one is at time 0. Or `times` [time].
        dx: spacing of the points, one or one per axis, at cell centres. Or `coordinates`, one array [n] per axis.
        fields: the arrays that hold the fields, one or several with the same axes.
        channels: names of the channels.
        boundaries: "periodic" (the default), "outgoing" or "wall", one for all axes or one per axis.
        equation: name of the equation; a registered one lets trainings use its symmetries.
        initial_conditions: integers [sample]; equal numbers mean equal initial conditions. None: those in the file, or
            all are different.
        trusted: the files are the user's own, see `cape.datasets.opening.open_files`. Missing chunks of zarr stores
            then count as their fill value.

    Raises:
        Unanswered: something is missing, see `cape.datasets.formats.question`.
        ValueError: a file is missing, unknown or refused, or files do not fit together or the arguments.
        ImportError: netCDF or zarr is read without the extra `formats`.
    """
    wanted = describe(
        axes=axes,
        fields=fields,
        channels=channels,
        parameters=parameters,
        table=table,
        dt=dt,
        times=times,
        dx=dx,
        coordinates=coordinates,
        boundaries=boundaries,
        equation=equation,
        initial_conditions=initial_conditions,
        trusted=trusted,
    )
    dataset = as_dataset(data)
    if dataset is None:
        return open_files(data, trusted=trusted, wanted=wanted)  # type: ignore[arg-type]
    return in_order([ArraysReader(wanted).open_file(dataset)], wanted)[0]
