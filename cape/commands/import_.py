"""cape import: convert files of arrays to one file of this package."""

from pathlib import Path

from cape.commands.array_options import NOTHING, OfArrays
from cape.commands.options import Files


def import_(
    files: Files,
    /,
    out: str,
    arrays: OfArrays = NOTHING,
    drop_nonfinite: bool = False,
    trusted: bool = False,
    overwrite: bool = False,
) -> None:
    """Convert NumPy, netCDF, zarr, MATLAB or HDF5 files of arrays to one file that every command reads.

    Args:
        files: files or folders, which are put together.
        out: folder for the file.
        arrays: what is in the files.
        drop_nonfinite: leave out samples with NaN or infinity, with a warning that counts them.
        trusted: the files are your own; their data may lie outside their folders.
        overwrite: replace an existing file.
    """
    from cape.datasets.checks import drop_nonfinite as without_nonfinite
    from cape.datasets.import_data import import_data
    from cape.datasets.inspection import inspect
    from cape.datasets.opening import find_files, open_files

    found = find_files(list(files))
    path = Path(out) / f"{found[0].stem if len(found) == 1 else 'data'}.hdf5"
    if path.resolve() in [file.resolve() for file in found]:
        raise ValueError(f"{path}: one of the files to convert; choose another folder with --out")
    trajectories = open_files(found, trusted=trusted, wanted=arrays.description(trusted))
    if drop_nonfinite:
        trajectories = without_nonfinite({"the import": trajectories})["the import"]
    print(inspect(import_data(trajectories, path, overwrite=overwrite)))
