"""Parameter values that are left out of a fit, to see how well its equation predicts them."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from cape.identification.parameter_basis import CONSTANT, basis_functions, basis_names

_FOLDS = 4


def left_out_together(count: int) -> list[np.ndarray]:
    """Return groups of numbers of values. The first and the last value stay in every fit."""
    inner = np.arange(1, count - 1)
    return [group for group in (inner[start::_FOLDS] for start in range(_FOLDS)) if len(group)]


def misfits_of_values(
    misfits: Float[np.ndarray, " pair"],
    value: Int[np.ndarray, " pair"],
    without: Callable[[Bool[np.ndarray, " pair"]], Float[np.ndarray, " pair"]],
) -> Float[np.ndarray, " value"]:
    """Return the mean misfit of each value. Those inside the range are left out of the fit that predicts them.

    Args:
        misfits: of a fit to all pairs of frames.
        value: number of the value of each pair.
        without: returns the misfits of all pairs by a fit to the included ones.
    """
    means = np.array([misfits[value == v].mean() for v in range(value.max() + 1)])
    for left_out in left_out_together(len(means)):
        misfits = without(~np.isin(value, left_out))
        means[left_out] = [misfits[value == v].mean() for v in left_out]
    return means


def bases(values: Float[np.ndarray, "value parameter"]) -> list[str]:
    """Return the bases that have fewer functions than there are values, so that values can be left out.

    Coefficients are constant if there is one value.
    """
    if len(values) == 1:
        return [CONSTANT]
    return [
        name
        for name in basis_names(values.shape[1], positive=bool((values > 0).all()))
        if basis_functions(name, values).shape[1] < len(values)
    ]
