"""Files of arrays in formats and layouts of the user: NumPy, netCDF, zarr, MATLAB and plain HDF5."""
