"""Which channels are zero at walls, and which have zero slope there."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

_SMALL = (
    0.5  # ratio of the value at a wall to the slope there, in cells, below which the value counts as zero
)


def zero_at_walls(
    u: Float[np.ndarray, "sample time *space channel"], periodic: Sequence[bool]
) -> tuple[bool, ...]:
    """Return for each channel whether it is zero at all walls, or () if no channel is or an axis has a single point.

    With the two cells a and b next to a wall, a field that is odd there has 3 a − b ≈ 0, and one that is even has
    a − b ≈ 0. The root mean squares of both over all walls, samples and times are compared.
    """
    value, slope = np.zeros(u.shape[-1]), np.zeros(u.shape[-1])
    walls = [2 + axis for axis, around in enumerate(periodic) if not around]
    if any(u.shape[axis] == 1 for axis in walls):
        return ()
    for axis in walls:
        for first, second in ((0, 1), (-1, -2)):
            a, b = np.take(u, first, axis), np.take(u, second, axis)
            others = tuple(range(a.ndim - 1))
            value += ((3 * a - b) ** 2).sum(others)
            slope += ((a - b) ** 2).sum(others)
    odd = tuple(bool(v < _SMALL**2 * s) for v, s in zip(value, slope, strict=True))
    return odd if any(odd) else ()
