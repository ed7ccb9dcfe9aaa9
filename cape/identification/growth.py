"""The bound of the growth of modes in a step of an identified equation."""

import numpy as np
from jaxtyping import Float

from cape.identification.equation import IdentifiedEquation
from cape.identification.linear_fit import LinearFit, ModeStatistics
from cape.identification.parameter_basis import basis_functions

_MORE_GROWTH = 0.1  # of a mode in a time step, as a logarithm


def growth_bound(
    equation: IdentifiedEquation, statistics: ModeStatistics, values: Float[np.ndarray, "value parameter"]
) -> float:
    """Return a bound of the growth of modes: twice the largest growth at the trained values, and some more."""
    linear = [(t, c) for t, c in zip(equation.terms, equation.coefficients, strict=True) if t.linear]
    if not linear:
        return _MORE_GROWTH
    terms, rows = zip(*linear, strict=True)
    fit = LinearFit(statistics, terms, basis_functions(equation.basis, values))
    return 2 * max(fit.growth(np.array(rows)), 0.0) + _MORE_GROWTH
