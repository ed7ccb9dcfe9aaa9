"""An equation with products, from a fit to pairs of frames."""

import dataclasses

import numpy as np

from cape.identification.equation import IdentifiedEquation
from cape.identification.first_estimate import FirstEstimate, without_zeros
from cape.identification.growth import growth_bound
from cape.identification.left_out import misfits_of_values
from cape.identification.linear_fit import ModeStatistics
from cape.identification.parameter_basis import basis_functions
from cape.identification.product_fit import Pairs, ProductFit
from cape.identification.samples import Samples
from cape.identification.stability import SAME, SUBSTEPS, with_fewest_substeps
from cape.identification.terms import Axes, Term, library
from cape.problem import Problem

_ACCEPTED = 0.1  # misfit
_TRUSTED = 0.3  # misfit of a first estimate whose forces are taken
_MOST_COEFFICIENTS = 60  # of a fit of all terms at once
_FEWER_SUBSTEPS = 4  # of the first fits of a large library
_ELIMINATIONS = 2
_RISES = (0.1, 0.3, 1.0)  # of the misfit by the removal of coefficients, relative to it
_SIMPLER = 1.5  # ratio of misfits at left-out values up to which the simpler equation is preferred


def product_equation(
    samples: Samples, statistics: ModeStatistics, on: Axes, problem: Problem, start: FirstEstimate
) -> IdentifiedEquation | None:
    """Return the equation to which a fit from a first estimate leads, or None if it does not fit or is not stable."""
    functions = basis_functions(start.basis, samples.values)
    chosen = _chosen(start, library(len(problem.channels), on.periodic, on.odd), functions.shape[1])
    if chosen is None:
        return None
    terms, signs, x, free, substeps = chosen
    frames, value, weight = samples.draw(2)
    pairs = Pairs(frames[:, 0], frames[:, 1], functions[value], weight, value)
    every = np.ones(len(value), bool)
    substeps = _stable_start(ProductFit(pairs, terms, on, problem.conserved, signs), x, substeps)
    for _ in range(_ELIMINATIONS):
        fit = ProductFit(pairs, terms, on, problem.conserved, signs)
        x, free = fit.without_negligible(fit.solve(x, free, substeps, every), free, substeps, every)
        free = free[x.any(1)]
        terms, signs, x = without_zeros(terms, signs, x)
        if not terms:
            return None
    fit = ProductFit(pairs, terms, on, problem.conserved, signs)
    x, substeps = _with_enough_substeps(fit, fit.solve(x, free, substeps, every), free, substeps, every)
    if not fit.misfits(x, substeps).mean() <= _ACCEPTED:
        return None
    x, misfits = _simplest(fit, x, free, substeps, value)
    equation = IdentifiedEquation.of(start.basis, terms, signs.T @ x, substeps, misfits.max())
    equation = dataclasses.replace(equation, growth=growth_bound(equation, statistics, samples.values))
    plain = ProductFit(pairs, equation.terms, on, problem.conserved)
    return with_fewest_substeps(equation, plain, samples, on, problem)


def _simplest(
    fit: ProductFit, x: np.ndarray, free: np.ndarray, substeps: int, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Remove coefficients as long as the largest misfit of a value stays below 1.5 times that of all coefficients.

    Values inside the range are left out of the fit that predicts them.

    Returns:
        The coefficients, and the misfit at each value.
    """
    every = np.ones(len(value), bool)

    def misfits(x: np.ndarray, free: np.ndarray) -> np.ndarray:
        def without(included: np.ndarray) -> np.ndarray:
            return fit.misfits(fit.solve(x, free, substeps, included), substeps)

        return misfits_of_values(fit.misfits(x, substeps), value, without)

    found = misfits(x, free)
    most = _SIMPLER * found.max()
    for rise in _RISES:
        y, fewer = fit.without_negligible(x, free, substeps, every, rise)
        if (fewer == free).all():
            continue
        y = fit.solve(y, fewer, substeps, every)
        simpler = misfits(y, fewer)
        if not simpler.max() <= most:
            break
        x, free, found = y, fewer, simpler
    return x, found


def _chosen(
    start: FirstEstimate, every: list[Term], functions: int
) -> tuple[tuple[Term, ...], np.ndarray, np.ndarray, np.ndarray, int] | None:
    """Return the terms of the fit, their groups, its start, which coefficients are free, and the number of substeps.

    All terms of a small library are fitted; of a large one those of the first estimate, if it is a good one.
    """
    if len(every) * functions <= _MOST_COEFFICIENTS:
        forces = [term for term in start.terms if term not in every] if start.misfit < _TRUSTED else []
        terms = (*every, *forces)
        shape = (len(terms), functions)
        return terms, np.eye(len(terms)), np.zeros(shape), np.ones(shape, bool), SUBSTEPS[-1]
    if not start.terms or start.misfit > _ACCEPTED:
        return None
    return start.terms, start.signs, start.coefficients, start.coefficients != 0, _FEWER_SUBSTEPS


def _stable_start(fit: ProductFit, x: np.ndarray, substeps: int) -> int:
    """Double the number of substeps until the first coefficients are better than persistence, up to the most."""
    while substeps < SUBSTEPS[-1] and not fit.misfits(x, substeps).mean() <= 1.0:
        substeps *= 2
    return substeps


def _with_enough_substeps(
    fit: ProductFit, x: np.ndarray, free: np.ndarray, substeps: int, every: np.ndarray
) -> tuple[np.ndarray, int]:
    """Double the number of substeps as long as the misfit falls; return the coefficients for it and the number."""
    misfit = fit.misfits(x, substeps).mean()
    while substeps < SUBSTEPS[-1]:
        following = fit.solve(x, free, 2 * substeps, every)
        found = fit.misfits(following, 2 * substeps).mean()
        if not found < misfit / SAME:
            break
        x, substeps, misfit = following, 2 * substeps, found
    return x, substeps
