"""The box that fields fill in a figure, from the centres of their cells."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def extent(coordinates: Sequence[Float[np.ndarray, " _"]]) -> list[float]:
    """Return the edges of the outer cells along each axis, from the cell centres: [low, high, low, high, ...]."""
    return [edge for x in coordinates for edge in (x[0] - _half(x), x[-1] + _half(x))]


def lengths(coordinates: Sequence[Float[np.ndarray, " _"]]) -> list[float]:
    """Return the length of the box along each axis."""
    edges = extent(coordinates)
    return [high - low for low, high in zip(edges[::2], edges[1::2], strict=True)]


def placement(coordinates: Sequence[Float[np.ndarray, " _"]]) -> tuple[dict, float]:
    """Return the arguments of `imshow` that place a plane, and its height over its width, limited to 0.4 .. 2."""
    edges = extent(coordinates[:2])
    ratio = (edges[3] - edges[2]) / (edges[1] - edges[0])
    tall = float(np.clip(ratio, 0.4, 2.0))
    place = {"extent": edges, "origin": "lower", "interpolation": "nearest"}
    return place | {"aspect": "equal" if tall == ratio else "auto"}, tall


def _half(centres: Float[np.ndarray, " _"]) -> float:
    return float(centres[-1] - centres[0]) / max(len(centres) - 1, 1) / 2
