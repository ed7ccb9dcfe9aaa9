"""A linear equation with constant coefficients, from statistics of the Fourier modes."""

import dataclasses

import numpy as np

from cape.identification.equation import IdentifiedEquation
from cape.identification.growth import growth_bound
from cape.identification.left_out import left_out_together
from cape.identification.linear_fit import LinearFit, ModeStatistics, mode_statistics
from cape.identification.parameter_basis import basis_functions
from cape.identification.samples import Samples
from cape.identification.terms import Axes, linear_terms
from cape.problem import Problem

_ACCEPTED = 0.1  # misfit at every value


def linear_equation(samples: Samples, on: Axes, problem: Problem, name: str) -> IdentifiedEquation | None:
    """Return the linear equation whose coefficients are linear in functions of the parameters, or None if none fits."""
    groups = [samples.u[samples.value == v] for v in range(len(samples.values))]
    statistics, functions = mode_statistics(groups, on), basis_functions(name, samples.values)
    if not statistics.remainder.max() <= _ACCEPTED:
        return None
    terms = linear_terms(len(problem.channels), on.periodic)
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
    kept = np.flatnonzero(free.any(1))
    used = [terms[number] for number in kept]
    equation = IdentifiedEquation.of(name, used, x[kept], 1, misfits.max())
    return dataclasses.replace(equation, growth=growth_bound(equation, samples, on))
