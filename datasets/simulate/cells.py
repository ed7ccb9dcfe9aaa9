"""Equal cells on the unit interval: their centres, and averages of functions over them."""

import functools
from collections.abc import Callable

import numpy as np
from jaxtyping import Float


def cell_centres(resolution: int) -> Float[np.ndarray, " x"]:
    """Return the centres (i + 1/2)/n of n equal cells on [0, 1)."""
    return (np.arange(resolution) + 0.5) / resolution


def cell_averages(initial: Callable[[np.ndarray], np.ndarray], cells: int) -> Float[np.ndarray, "sample x"]:
    """Average functions u₀[sample, point] over each of n equal cells, by three-point Gauss-Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(3)
    x = cell_centres(cells)
    parts = [0.5 * w * initial(x + 0.5 * z / cells) for z, w in zip(nodes, weights, strict=True)]
    return functools.reduce(np.add, parts)
