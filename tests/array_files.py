"""Write the same trajectories in every format of arrays, for tests: u[sample, time, x], nu[sample], time and x."""

import h5py
import numpy as np
from small_files import cell_centres, place

SAMPLES, FRAMES, POINTS = 6, 5, 16
U = place(SAMPLES, FRAMES, (POINTS,), 1)[..., 0].astype(np.float64)
NU = np.repeat([0.01, 0.1, 1.0], 2)
TIMES = 0.25 * np.arange(FRAMES)
X = cell_centres(POINTS).astype(np.float64)
ARRAYS = {"u": U, "nu": NU, "t": TIMES, "x": X}


def npz(path, compressed=False, **changes):
    """Write the arrays with these changes; None leaves an array out."""
    arrays = {name: values for name, values in (ARRAYS | changes).items() if values is not None}
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


def hdf5(path, **changes):
    with h5py.File(path, "w") as file:
        for name, values in (ARRAYS | changes).items():
            if values is not None:
                file[name] = values
    return path


def groups(path):
    """Write one group per sample, in numbers without leading zeros, with nu as attribute."""
    with h5py.File(path, "w") as file:
        for i in range(SAMPLES):
            group = file.create_group(f"run {i + 7}")
            group["u"], group["t"], group.attrs["nu"] = U[i], TIMES, NU[i]
        file["x"] = X
    return path


def matlab(path):
    from scipy.io import savemat

    savemat(path, ARRAYS)
    return path


def matlab_73(path):
    """Write a file of version 7.3, in which HDF5 shows axes in the opposite order and vectors have two axes."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in ARRAYS.items():
            file[name] = values.T if values.ndim > 1 else values[:, None]
        file["#refs#/a"] = np.zeros(3)
    return path


def dataset(**attributes):
    """Return a Dataset of xarray with names of its own for the axes."""
    import xarray

    variables = {"u": (("run", "time", "x"), U), "nu": (("run",), NU)}
    return xarray.Dataset(variables, {"time": TIMES, "x": X}, attributes)


def netcdf(path, engine="h5netcdf"):
    dataset().to_netcdf(path, engine=engine)
    return path


def zarr_store(path, version=2, **chunks):
    encoding = {"u": {"chunks": (2, FRAMES, POINTS)}}
    dataset().to_zarr(path, zarr_format=version, consolidated=False, encoding=encoding)
    return path
