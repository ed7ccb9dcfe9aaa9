"""Parameters as numbers a network can use: from PDE parameters to an embedding."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_WAVES = 4
_FLOOR_AT_ZERO, _FLOOR_OF_EITHER_SIGN = 1e-3, 0.3


def identity(p: Float[Array, "batch parameter"]) -> Float[Array, "batch parameter"]:
    """Return the parameters as they are (published form in 1D)."""
    return p


def saturating(p: Float[Array, "batch parameter"]) -> Float[Array, "batch parameter"]:
    """Return sigmoid(log p) = p / (1 + p) (published form in 2D and 3D)."""
    return p / (1.0 + p)


def linear(
    p: Float[Array, "batch parameter"], low: Sequence[float], high: Sequence[float]
) -> Float[Array, "batch parameter"]:
    """Scale each parameter by its largest trained magnitude: p / max(|low|, |high|), dimensionless.

    Linear without offset, so whatever is proportional to a parameter stays proportional to its feature.
    """
    scale = np.maximum(np.abs(low), np.abs(high))
    return p / jnp.asarray(np.where(scale == 0, 1.0, scale), p.dtype)[None]


def logarithmic(
    p: Float[Array, "batch parameter"], low: Sequence[float], high: Sequence[float]
) -> Float[Array, "batch parameter"]:
    """Map each parameter's trained range to [-1, 1] on a logarithmic scale; it tells 1e-8 from 1e-3.

    A parameter whose trained range starts at zero uses arsinh(p / s) with s = 1e-3 of the largest trained
    magnitude, which is logarithmic for p >> s and passes through zero; one of either sign has no small values
    to be told apart, and s = 0.3 of the largest. A parameter that never
    varied in training maps to its offset log(p / low), zero at the trained value.
    """
    columns = []
    for i, (smallest, largest) in enumerate(zip(low, high, strict=True)):
        if smallest > 0:
            # clipped at the smallest normal float32: log(0) would poison everything behind it
            value = jnp.log(jnp.maximum(p[:, i], 1.2e-38))
            start, stop = np.log(smallest), np.log(largest)
        else:
            floor = _FLOOR_AT_ZERO if smallest == 0 else _FLOOR_OF_EITHER_SIGN
            floor = floor * max(abs(smallest), abs(largest), 1e-30)
            value = jnp.arcsinh(p[:, i] / floor)
            start, stop = np.arcsinh(smallest / floor), np.arcsinh(largest / floor)
        half = (stop - start) / 2 if stop > start else 1.0
        columns.append((value - (start + stop) / 2) / half)
    return jnp.stack(columns, -1) if columns else p


def both(
    p: Float[Array, "batch parameter"], low: Sequence[float], high: Sequence[float]
) -> Float[Array, "batch two_parameters"]:
    """Put `linear` beside `logarithmic`."""
    return jnp.concatenate([linear(p, low, high), logarithmic(p, low, high)], -1)


def waves(
    p: Float[Array, "batch parameter"], low: Sequence[float], high: Sequence[float]
) -> Float[Array, "batch eight_parameters"]:
    """Give sin and cos of π/2, π, 2π and 4π times `logarithmic`, as transformers are told positions."""
    factors = np.pi / 2 * 2.0 ** np.arange(_WAVES)
    angles = logarithmic(p, low, high)[..., None] * jnp.asarray(factors, p.dtype)[None, None]
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], -1).reshape(len(p), -1)


class Embedding(NamedTuple):
    """How a perceptron is told the parameters: a function of (p, low, high), and its features for each parameter."""

    embed: Callable[[Array, Sequence[float], Sequence[float]], Array]
    features: int


EmbeddingName = Literal["logarithm", "value", "both", "waves"]
EMBEDDINGS: dict[EmbeddingName, Embedding] = {
    "logarithm": Embedding(logarithmic, 1),
    "value": Embedding(linear, 1),
    "both": Embedding(both, 2),
    "waves": Embedding(waves, 2 * _WAVES),
}
