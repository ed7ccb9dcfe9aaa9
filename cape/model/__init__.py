"""The neural model: how PDE parameters condition a base solver, and how fields are normalised."""
