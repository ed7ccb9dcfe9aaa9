"""Elimination of coefficients that a least-squares fit does not need."""

import numpy as np
from jaxtyping import Bool, Float

_OF_CONSTANTS = 10.0  # importance of a constant relative to a multiple of a parameter


def eliminate(
    x: Float[np.ndarray, "term function"],
    free: Bool[np.ndarray, "term function"],
    hessian: Float[np.ndarray, "number number"],
    allowed: float,
) -> tuple[Float[np.ndarray, "term function"], Bool[np.ndarray, "term function"]]:
    """Set coefficients to zero one by one, the least important first; return the others and which these are.

    The misfit is the quadratic function with its minimum at x. Elimination ends before the next removal would raise
    it by more than `allowed`. The other coefficients follow each removal to their new minimum. If a parameter hardly
    varies, its multiples can hardly be told from constants: constants, which are the first function, are kept then.
    """
    shape, weights = x.shape, np.ones(x.shape)
    weights[:, 0] = _OF_CONSTANTS
    x, free, weight = x.ravel().copy(), free.ravel().copy(), weights.ravel()
    scale = 1 / np.sqrt(np.maximum(np.diag(hessian), 1e-30))
    chosen = np.flatnonzero(free)
    block = hessian[np.ix_(chosen, chosen)] * np.outer(scale[chosen], scale[chosen])
    inverse = np.linalg.pinv(block, rcond=1e-9, hermitian=True)
    y = x[chosen] / scale[chosen]
    while len(chosen):
        diagonal = np.maximum(np.diag(inverse), 1e-12)
        with np.errstate(all="ignore"):
            rise = y**2 / diagonal
            least = int(np.argmin(rise * weight[chosen]))
            column = inverse[:, least].copy()
            following = y - column * (y[least] / diagonal[least])
            shrunk = inverse - np.outer(column, column) / diagonal[least]
        if not (rise[least] <= allowed and np.isfinite(following).all() and np.isfinite(shrunk).all()):
            break
        y, inverse = following, shrunk
        free[chosen[least]] = False
        rest = np.arange(len(chosen)) != least
        chosen, y, inverse = chosen[rest], y[rest], inverse[np.ix_(rest, rest)]
    x[:] = 0.0
    x[chosen] = y * scale[chosen]
    return x.reshape(shape), free.reshape(shape)
