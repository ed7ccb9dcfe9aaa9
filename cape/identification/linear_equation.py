"""A linear equation with constant coefficients, from statistics of the Fourier modes."""

import dataclasses

import numpy as np
from jaxtyping import Float

from cape.identification.equation import IdentifiedEquation
from cape.identification.growth import growth_bound
from cape.identification.left_out import left_out_together
from cape.identification.linear_fit import LinearFit, ModeStatistics
from cape.identification.parameter_basis import basis_functions
from cape.identification.terms import Axes, linear_terms

_ACCEPTED = 0.1  # misfit at every value


def linear_equation(
    statistics: ModeStatistics,
    values: Float[np.ndarray, "value parameter"],
    on: Axes,
    channels: int,
    basis: str,
) -> IdentifiedEquation | None:
    """Return the linear equation whose coefficients are linear in the functions of a basis, or None if none fits.

    Args:
        statistics: of the data at each value.
        values: the parameters, see `Samples`.
        on: the axes.
        channels: their number.
        basis: name of the functions of the parameters.
    """
    functions = basis_functions(basis, values)
    if not statistics.remainder.max() <= _ACCEPTED:
        return None
    terms = linear_terms(channels, on.periodic, on.odd)
    fit = LinearFit(statistics, terms, functions)
    x = fit.solve()
    if not fit.misfit(x).max() <= _ACCEPTED:
        return None
    free = fit.without_negligible(x)
    x = fit.solve(x, free)
    misfits = fit.misfit(x)
    for left_out in left_out_together(len(functions)):
        rest = np.setdiff1d(np.arange(len(functions)), left_out)
        part = ModeStatistics(statistics.waves, *(a[rest] for a in statistics[1:]))
        misfits[left_out] = fit.misfit(LinearFit(part, terms, functions[rest]).solve(x, free))[left_out]
    equation = IdentifiedEquation.of(basis, terms, x, 1, misfits.max())
    return dataclasses.replace(equation, growth=growth_bound(equation, statistics, values))
