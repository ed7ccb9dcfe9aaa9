"""Interpolation between the points of an observation and the grid of a surrogate, as a matrix for each axis."""

import numpy as np
from jaxtyping import Float
from scipy.interpolate import make_interp_spline

_FEWEST_FOR_CUBIC = 4


def axis_matrix(
    source: Float[np.ndarray, " n"], target: Float[np.ndarray, " m"], periodic: bool
) -> Float[np.ndarray, "m n"]:
    """Return the matrix that takes values at `source` to values at `target`; positions are fractions of the axis.

    Periodic axes use the trigonometric polynomial through equidistant points. Other axes use a cubic spline, constant
    beyond the outer points, or straight lines between fewer than four points.
    """
    n = len(source)
    if periodic:
        return _dirichlet(target[:, None] - source[None, :], n)
    inside = np.clip(target, source[0], source[-1])
    if n >= _FEWEST_FOR_CUBIC:
        return make_interp_spline(source, np.eye(n), k=3)(inside)
    return np.stack([np.interp(inside, source, row) for row in np.eye(n)], 1)


def _dirichlet(distance: Float[np.ndarray, "m n"], n: int) -> Float[np.ndarray, "m n"]:
    """Return the trigonometric polynomial that is 1 at distance 0 and 0 at the other n − 1 equidistant points."""
    angle = np.pi * distance
    sine = np.sin(angle)
    at_point = np.abs(sine) < 1e-12
    divisor = np.where(at_point, 1.0, sine) * n
    numerator = np.sin(n * angle) * (1.0 if n % 2 else np.cos(angle))
    return np.where(at_point, 1.0, numerator / divisor)
