"""Several runs: their list, their comparison, and sweeps over settings."""
