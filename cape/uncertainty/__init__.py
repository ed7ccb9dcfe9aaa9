"""Uncertainty of rollouts: bands that hold a stated share of the truth, and the distance from the calibration data."""
