"""Numerical solvers that write the same files the readers open."""
