"""What is on disk: trajectories of PDE solutions, their readers, splits and batches."""
