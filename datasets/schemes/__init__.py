"""Numerical schemes of the equations, in jax. An equation imports its scheme when it is solved."""
