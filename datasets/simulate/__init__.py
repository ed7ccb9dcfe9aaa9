"""Numerical solvers that write the same files the readers open."""

from .equations import EQUATIONS, Equation, Parameter, find_equation
from .parameters import LogUniform, Uniform, Values, parse
from .simulation import simulate

__all__ = [
    "EQUATIONS",
    "Equation",
    "LogUniform",
    "Parameter",
    "Uniform",
    "Values",
    "find_equation",
    "parse",
    "simulate",
]
