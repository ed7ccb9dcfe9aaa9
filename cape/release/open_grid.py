"""The grids that one exported program accepts."""

import math

from cape.surrogate import Surrogate

_SMALLEST_MULTIPLE = 2  # real Fourier transforms on an open grid need even sizes
# 16 keeps the products in these transforms short; 2^n, 3·2^n, 5·2^n, ... are multiples of it
_WIDEST_MULTIPLE = 16


def open_grid(surrogate: Surrogate) -> tuple[int, int] | None:
    """Return (multiple, minimum): the program accepts sizes that are multiples of `multiple` and at least `minimum`.

    `multiple` is the largest of the base solver's `open_grid_multiple`, the greatest common divisor of 16 and the
    training grid (the Fourier transforms are then fastest), and 2. `minimum` is the base solver's `grid_minimum`,
    rounded up to a multiple.

    Returns None if the program accepts the training grid only: the conditioning has a fixed grid, or the training grid
    is not among the accepted ones.
    """
    base, trained = surrogate.config.base, surrogate.problem.resolution
    multiple = max(base.open_grid_multiple, math.gcd(_WIDEST_MULTIPLE, *trained), _SMALLEST_MULTIPLE)
    minimum = multiple * math.ceil(base.grid_minimum / multiple)
    accepted = all(n % multiple == 0 and n >= minimum for n in trained)
    return (multiple, minimum) if accepted and not surrogate.config.conditioning.fixed_grid else None
