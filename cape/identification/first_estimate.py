"""First estimates of an equation with products, one for each form that its coefficients may have."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cape.identification.collocation import estimate, regression
from cape.identification.left_out import bases
from cape.identification.parameter_basis import basis_functions
from cape.identification.samples import Samples
from cape.identification.symmetric_terms import symmetric_terms
from cape.identification.terms import Axes, Term, force_terms, library
from cape.problem import Problem

_ALIKE = 2.0  # ratio of misfits up to which the simpler estimate is preferred
_SMALLEST = 1e-4  # misfit up to which it is


class FirstEstimate(NamedTuple):
    """A first estimate of an equation with products.

    Attributes:
        basis: name of the functions of the parameters.
        terms: the terms that the data need.
        signs: 1, -1 or 0 for each group of terms that share a coefficient, and each term (see `SymmetricTerms`).
        coefficients: of the groups.
        misfit: mean square error over that of persistence.
    """

    basis: str
    terms: tuple[Term, ...]
    signs: Float[np.ndarray, "group term"]
    coefficients: Float[np.ndarray, "group function"]
    misfit: float


def first_estimates(samples: Samples, on: Axes, problem: Problem) -> list[FirstEstimate]:
    """Return estimates with every basis: the simplest of those that are about as good as the best one come first.

    In several dimensions, an equation of scalars that has no preferred direction is simpler than any other.
    """
    triples, value, weight = samples.draw(3)
    channels = len(problem.channels)
    terms = [*library(channels, on.periodic, on.odd), *force_terms(channels, on.periodic, on.odd)]
    data = regression(triples, weight, terms, on)
    ways = [(np.eye(len(terms)), data)]
    if problem.dimension > 1 and len(set(zip(problem.length, problem.boundaries, strict=True))) == 1:
        shared = _isotropic(terms)
        columns = np.einsum("gt,stv->sgv", shared, data.columns, optimize=True)
        ways.insert(0, (shared, data._replace(columns=columns)))
    found = []
    for signs, grouped in ways:
        outputs = np.array([terms[int(first)].output for first in np.argmax(signs != 0, 1)])
        for name in bases(samples.values):
            x, misfit = estimate(grouped, basis_functions(name, samples.values)[value], outputs)
            found.append(FirstEstimate(name, *without_zeros(terms, signs, x), misfit))
    least = min((first.misfit for first in found), default=0.0)
    return sorted(
        found, key=lambda first: 0.0 if first.misfit <= _ALIKE * least + _SMALLEST else first.misfit
    )


def without_zeros(
    terms: Sequence[Term], signs: np.ndarray, x: np.ndarray
) -> tuple[tuple[Term, ...], np.ndarray, np.ndarray]:
    """Leave out the groups without a coefficient other than zero, and the terms without a group."""
    signs, x = signs[x.any(1)], x[x.any(1)]
    used = np.flatnonzero(signs.any(0))
    return tuple(terms[int(number)] for number in used), signs[:, used], x


def _isotropic(terms: Sequence[Term]) -> Float[np.ndarray, "group term"]:
    """Return which terms share a coefficient in an isotropic equation of scalars, as in `SymmetricTerms`."""
    groups = symmetric_terms(terms, ())
    signs = np.zeros((len(groups.signs), len(terms)))
    signs[:, [terms.index(term) for term in groups.terms]] = groups.signs
    return signs
