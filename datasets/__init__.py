"""Data sets: trajectories of PDE solutions, their readers, splits and batches, and the simulation of equations."""
