"""The bound of the growth of modes in a step of an identified equation."""

import numpy as np

from cape.identification.equation import IdentifiedEquation
from cape.identification.linear_fit import LinearFit, mode_statistics
from cape.identification.parameter_basis import basis_functions
from cape.identification.samples import Samples
from cape.identification.terms import Axes

_MORE_GROWTH = 0.1


def growth_bound(equation: IdentifiedEquation, samples: Samples, on: Axes) -> float:
    """Return a bound of the growth of modes: twice the largest growth at the trained values, and some more."""
    linear = [(t, c) for t, c in zip(equation.terms, equation.coefficients, strict=True) if t.linear]
    if not linear:
        return _MORE_GROWTH
    groups = [samples.u[samples.value == v] for v in range(len(samples.values))]
    terms, rows = zip(*linear, strict=True)
    fit = LinearFit(mode_statistics(groups, on), terms, basis_functions(equation.basis, samples.values))
    return 2 * max(fit.growth(np.array(rows)), 0.0) + _MORE_GROWTH
