"""Base neural solvers: they map channels to channels, and do not know the PDE parameters or the data."""
