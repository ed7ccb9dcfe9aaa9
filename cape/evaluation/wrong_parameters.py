"""Wrong parameters for samples: those of another value, or the mean of the trained values."""

import numpy as np
from jaxtyping import Float

Values = Float[np.ndarray, "value parameter"]


def shuffled(values: Values, seed: int = 0) -> Values:
    """Return another one of the distinct vectors in place of each; the seed chooses which."""
    order = np.random.default_rng(seed).permutation(len(values))
    other = np.empty_like(values)
    other[order] = values[np.roll(order, 1)]  # a cycle through all values, so that each one changes
    return other


def shuffled_in(column: int, values: Values, seed: int = 0) -> Values:
    """Return the vectors with another value of one parameter; the other parameters stay as they are."""
    distinct, inverse = np.unique(values[:, column], return_inverse=True)
    other = values.copy()
    other[:, column] = shuffled(distinct[:, None], seed)[inverse, 0]
    return other


def mean_of(values: Values) -> Float[np.ndarray, " parameter"]:
    """Return the mean of each parameter, or of its logarithm if all values are positive and spread over a decade."""
    wide = (values.min(axis=0) > 0) & (values.max(axis=0) >= 10 * values.min(axis=0))
    logarithms = np.log(np.where(wide, values, 1.0))
    return np.where(wide, np.exp(logarithms.mean(axis=0)), values.mean(axis=0))
