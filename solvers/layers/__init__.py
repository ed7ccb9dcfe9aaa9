"""Layers that base solvers are built from."""
