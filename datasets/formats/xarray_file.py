"""netCDF files, zarr stores and `xarray.Dataset` objects, with the names of their dimensions (extra `formats`)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from cape.datasets.formats.array_file import ArrayFile, Contents, scalar_numbers
from cape.datasets.formats.zarr_store import check_chunks, open_plain, open_store
from cape.datasets.hdf5_files import open_hdf5

if TYPE_CHECKING:
    import xarray


def require(path: Path, *packages: str) -> None:
    """Import packages that read a format.

    Raises:
        ImportError: one is not installed; the message names the extra.
    """
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise ImportError(
                f"{path}: reading this format needs {package}; install it with: pip install 'cape-jax[formats]'"
            ) from error


@dataclass(frozen=True)
class NetcdfFile(ArrayFile):
    """A netCDF file of version 3 (by scipy) or 4 (by h5netcdf). Times are numbers in the unit of the file."""

    path: Path

    @contextmanager
    def reading(self) -> Iterator[Contents]:
        require(self.path, "xarray", "h5netcdf")
        import xarray

        engine = "scipy"
        if h5py.is_hdf5(self.path):
            engine = "h5netcdf"
            with open_hdf5(self.path):  # says why a file cannot be opened
                pass
        with xarray.open_dataset(self.path, engine=engine, decode_times=False, cache=False) as dataset:
            yield contents_of(dataset)


@dataclass(frozen=True)
class ZarrStore(ArrayFile):
    """A zarr store: a folder, or a zip file of one. Missing chunks are refused unless the store is trusted."""

    path: Path
    trusted: bool = False

    @contextmanager
    def reading(self) -> Iterator[Contents]:
        require(self.path, "xarray", "zarr")
        store, named = open_store(self.path)
        if named:
            import xarray

            with xarray.open_dataset(
                store, engine="zarr", decode_times=False, cache=False, chunks=None, consolidated=False
            ) as dataset:
                yield contents_of(dataset)
        else:
            yield Contents(*open_plain(store))

    def check_complete(self, contents: Contents, name: str) -> None:
        if not self.trusted:
            check_chunks(self.path, name)


@dataclass(frozen=True, eq=False)
class DatasetObject(ArrayFile):
    """A Dataset of xarray that the user has opened or made."""

    dataset: xarray.Dataset
    path: Path = Path("<xarray.Dataset>")

    @contextmanager
    def reading(self) -> Iterator[Contents]:
        yield contents_of(self.dataset)


class _Variable:
    """A variable, of which only the part that is asked for is loaded. Dates are seconds after the first one."""

    def __init__(self, variable: xarray.Variable):
        self.shape = variable.shape
        self._variable, self._is_time = variable, variable.dtype.kind in "mM"
        self.dtype = np.dtype(np.float64) if self._is_time else variable.dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        found = np.asarray(self._variable[key].values)
        if not self._is_time:
            return found
        first = self._variable[(slice(0, 1),) * len(self.shape)].values.reshape(-1)[:1]
        since = found - (first if found.dtype.kind == "M" else np.timedelta64(0, "s"))
        return since / np.timedelta64(1, "s")


def contents_of(dataset: xarray.Dataset) -> Contents:
    """Return the variables and coordinates of a Dataset."""
    variables = {str(name): variable for name, variable in dataset.variables.items()}
    names = [*map(str, dataset.data_vars), *map(str, dataset.coords)]
    return Contents(
        {name: _Variable(variables[name]) for name in names},
        {name: tuple(map(str, variables[name].dims)) for name in names},
        scalar_numbers(dataset.attrs),
    )


def as_dataset(data: object) -> DatasetObject | None:
    """Return a Dataset or DataArray of xarray as a file of arrays, and None for anything else."""
    if "xarray" not in sys.modules:  # such an object exists only if xarray is imported
        return None
    import xarray

    if not isinstance(data, xarray.Dataset | xarray.DataArray):
        return None
    if isinstance(data, xarray.DataArray):
        data = data.to_dataset(name=data.name or "u")
    return DatasetObject(data)
