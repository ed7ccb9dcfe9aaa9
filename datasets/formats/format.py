"""Which format a file has, by its suffix."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from cape.datasets.formats.array_file import ArrayFile
from cape.datasets.formats.hdf5_file import Hdf5File
from cape.datasets.formats.matlab_file import MatlabFile
from cape.datasets.formats.numpy_file import NpyFile, NpzFile
from cape.datasets.formats.xarray_file import NetcdfFile, ZarrStore, require
from cape.datasets.formats.zarr_store import is_zarr

FORMATS: dict[str, Callable[[Path], ArrayFile]] = {
    ".npy": NpyFile,
    ".npz": NpzFile,
    ".nc": NetcdfFile,
    ".nc4": NetcdfFile,
    ".cdf": NetcdfFile,
    ".mat": MatlabFile,
    ".hdf5": Hdf5File,
    ".h5": Hdf5File,
    ".he5": Hdf5File,
    ".hdf": Hdf5File,
}
SUFFIXES = (*FORMATS, ".zarr")


def format_of(path: Path, *, trusted: bool = False) -> Callable[[Path], ArrayFile] | None:
    """Return what opens a file of arrays, or None for a file of another format."""
    if is_zarr(path):
        return partial(ZarrStore, trusted=trusted)
    return FORMATS.get(path.suffix.lower()) if path.is_file() else None


def require_packages(path: Path) -> None:
    """Import what a format needs, before a child process opens the file.

    Raises:
        ImportError: a package is missing; the message names the extra.
    """
    if is_zarr(path):
        require(path, "xarray", "zarr")
    elif FORMATS.get(path.suffix.lower()) is NetcdfFile:
        require(path, "xarray", "h5netcdf")
