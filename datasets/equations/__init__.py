"""Equations that can be simulated: one file each."""
