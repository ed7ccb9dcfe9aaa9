"""Inference: roll a surrogate out from initial conditions, over many parameter values."""
