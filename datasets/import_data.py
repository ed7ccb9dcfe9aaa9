"""Write trajectories of any origin to one file of this package, after checks."""

from __future__ import annotations

from pathlib import Path

from cape.datasets.checks import check_grid
from cape.datasets.simulate.writer import writing
from cape.datasets.trajectories import Trajectories

AT_ONCE = 64  # samples


def import_data(trajectories: Trajectories, path: Path, *, overwrite: bool = False) -> Path:
    """Write trajectories to an HDF5 file with one dataset [sample, time, *space] per channel; return its path.

    The file is written atomically, block by block. `cape.open` reads it without further arguments.

    Raises:
        ValueError: times or grid are not uniform, there is one frame only, or samples hold NaN or infinity.
        FileExistsError: the file exists and `overwrite` is false.
        OSError: the disk is full or read-only.
    """
    _ = trajectories.dt  # raises if times are not uniform
    check_grid(trajectories)
    with writing(
        path,
        parameters=trajectories.parameters,
        parameter_names=trajectories.parameter_names,
        coordinates=trajectories.coordinates,
        times=trajectories.times,
        initial_conditions=trajectories.initial_conditions,
        attributes={"equation": trajectories.equation, "boundary": ", ".join(trajectories.boundaries)},
        channel_names=trajectories.channel_names,
        named_channels=True,
        overwrite=overwrite,
    ) as put:
        for samples, frames, u in trajectories.fields.in_order(AT_ONCE):
            put(samples, frames, u)
    return path
