"""First estimates of an equation with products, one for each form that its coefficients may have."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cape.identification.collocation import estimate, regression
from cape.identification.left_out import bases
from cape.identification.parameter_basis import basis_functions
from cape.identification.samples import Samples
from cape.identification.terms import Axes, Term, force_terms, library

_ALIKE = 2.0  # ratio of misfits up to which the simpler estimate is preferred
_SMALLEST = 1e-4  # misfit up to which it is


class FirstEstimate(NamedTuple):
    """A first estimate of an equation with products.

    Attributes:
        basis: name of the functions of the parameters.
        terms: the terms that the data need.
        coefficients: of the terms.
        misfit: mean square error over that of persistence.
    """

    basis: str
    terms: tuple[Term, ...]
    coefficients: Float[np.ndarray, "term function"]
    misfit: float


def first_estimates(samples: Samples, on: Axes, channels: int) -> list[FirstEstimate]:
    """Return an estimate for every basis: the simplest of those that are about as good as the best one come first."""
    triples, value, weight = samples.draw(3)
    terms = [*library(channels, on.periodic, on.odd), *force_terms(channels, on.periodic, on.odd)]
    data = regression(triples, weight, terms, on)
    found = []
    for name in bases(samples.values):
        functions = basis_functions(name, samples.values)[value]
        found.append(FirstEstimate(name, *estimate(data, functions, terms)))
    least = min((first.misfit for first in found), default=0.0)
    return sorted(
        found, key=lambda first: 0.0 if first.misfit <= _ALIKE * least + _SMALLEST else first.misfit
    )
