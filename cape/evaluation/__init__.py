"""Evaluation: errors at parameter values that were seen, interpolated or extrapolated."""
