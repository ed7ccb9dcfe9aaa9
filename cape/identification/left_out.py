"""Parameter values that are left out of a fit, to see how well its equation predicts them."""

import numpy as np
from jaxtyping import Float

from cape.identification.parameter_basis import CONSTANT, basis_functions, basis_names

_FOLDS = 4


def left_out_together(count: int) -> list[np.ndarray]:
    """Return groups of numbers of values. The first and the last value stay in every fit."""
    inner = np.arange(1, count - 1)
    return [group for group in (inner[start::_FOLDS] for start in range(_FOLDS)) if len(group)]


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
