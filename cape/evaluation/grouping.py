"""Grouping of samples by parameter value; continuous values are binned."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from cape.datasets.splits import kind_of
from cape.evaluation.evaluation import KINDS

BINS = 10  # per parameter, if values are continuous


def group_by_value(
    parameters: Float[np.ndarray, "sample parameter"], training_values: Float[np.ndarray, "value parameter"]
) -> Iterator[tuple[Float[np.ndarray, " parameter"], str, np.ndarray]]:
    """Yield (value, kind, sample numbers) for each distinct parameter vector, sorted by value.

    Parameters are continuous if there are more than 2 * BINS distinct vectors and fewer than four samples of each
    on average. They are binned, with at most BINS bins per parameter. The bins have equal widths, in the logarithm
    if all values are positive. A bin holds one kind of values only. Its value is the median of its samples.
    """
    # In float32, so that 0.1 stored as float32 in one file and as float64 in another is one value.
    distinct, inverse = np.unique(parameters.astype(np.float32), axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    kinds = np.array([kind_of(value, training_values) for value in distinct])[inverse]
    if len(distinct) > 2 * BINS and len(parameters) < 4 * len(distinct):
        bins = np.stack([_bins(column) for column in parameters.T], axis=1)
        keys = np.concatenate([bins, np.array([KINDS.index(k) for k in kinds])[:, None]], axis=1)
        inverse = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    groups = [np.flatnonzero(inverse == number) for number in range(inverse.max() + 1)]
    named = [(np.median(parameters[samples], axis=0), str(kinds[samples[0]]), samples) for samples in groups]
    yield from sorted(named, key=lambda entry: tuple(entry[0]))


def _bins(column: np.ndarray) -> np.ndarray:
    """Return the bin number of each value of one parameter."""
    values = np.unique(column)
    if len(values) <= BINS:
        return np.searchsorted(values, column)
    x = np.log(column) if (column > 0).all() else column
    return np.digitize(x, np.linspace(x.min(), x.max(), BINS + 1)[1:-1])
