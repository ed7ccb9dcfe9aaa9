"""Adaptation of a surrogate to a regime that it was never trained on, from a few trajectories."""
