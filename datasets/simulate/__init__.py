"""Simulation: draw initial conditions, solve an equation, write the files."""
