"""How far apart two arrays, or all parameters of two modules, are."""

import numpy as np
from flax import nnx


def difference(a, b):
    """Largest difference over largest magnitude: max|a-b| / max|b|."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        raise ValueError(f"expected equal shapes, got {a.shape} and {b.shape}")
    return np.abs(a - b).max() / np.abs(b).max()


def largest_difference(ours, theirs):
    """Find the largest `difference` over all parameters of two modules or states, and its name."""
    ours, theirs = (
        dict(nnx.to_flat_state(nnx.state(m, nnx.Param) if isinstance(m, nnx.Module) else m))
        for m in (ours, theirs)
    )
    if ours.keys() != theirs.keys():
        raise ValueError(f"expected the same parameters, got {ours.keys() ^ theirs.keys()}")
    return max((difference(ours[k][...], theirs[k][...]), ".".join(map(str, k))) for k in ours)
