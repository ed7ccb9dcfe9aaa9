"""Elimination of coefficients that a least-squares fit does not need."""

import numpy as np
from jaxtyping import Bool, Float


def eliminate(
    x: Float[np.ndarray, " number"],
    free: Bool[np.ndarray, " number"],
    hessian: Float[np.ndarray, "number number"],
    allowed: float,
) -> tuple[Float[np.ndarray, " number"], Bool[np.ndarray, " number"]]:
    """Set coefficients to zero one by one, the least important first; return the others and which these are.

    The misfit is the quadratic function with its minimum at x. Elimination ends before the next removal would raise
    it by more than `allowed`. The other coefficients follow each removal to their new minimum.
    """
    x, free = x.copy(), free.copy()
    scale = 1 / np.sqrt(np.maximum(np.diag(hessian), 1e-30))
    chosen = np.flatnonzero(free)
    block = hessian[np.ix_(chosen, chosen)] * np.outer(scale[chosen], scale[chosen])
    inverse = np.linalg.pinv(block, rcond=1e-9, hermitian=True)
    y = x[chosen] / scale[chosen]
    while len(chosen):
        diagonal = np.maximum(np.diag(inverse), 1e-12)
        with np.errstate(all="ignore"):
            rise = y**2 / diagonal
            least = int(np.argmin(rise))
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
    return x, free
