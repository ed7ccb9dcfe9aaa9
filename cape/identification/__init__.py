"""Identification of an equation from its trajectories, in the form of its symbol and its products."""
