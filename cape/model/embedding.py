"""Embeddings: functions that turn PDE parameters into inputs of a network."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

_WAVES = 4
_FLOOR_AT_ZERO, _FLOOR_OF_EITHER_SIGN = 1e-3, 0.3
_SMALLEST_NORMAL = 1.2e-38  # of float32


def clip_parameters(
    p: Float[Array, "batch parameter"], low: Sequence[float], high: Sequence[float], count: int
) -> Float[Array, "batch parameter"]:
    """Clip the first `count` parameters to their trained range. A perceptron's values outside it are arbitrary."""
    lowest, highest = (jnp.asarray(bounds[:count], p.dtype)[None] for bounds in (low, high))
    return jnp.concatenate([jnp.clip(p[:, :count], lowest, highest), p[:, count:]], -1)


def linear(
    p: Float[Array, "batch parameter"], low: Sequence[float], high: Sequence[float]
) -> Float[Array, "batch parameter"]:
    """Divide each parameter by its largest trained magnitude: p / max(|low|, |high|), dimensionless.

    There is no offset, so a quantity that is proportional to a parameter stays proportional to its embedding.
    """
    largest = np.maximum(np.abs(low), np.abs(high))
    return p / jnp.asarray(np.where(largest == 0, 1.0, largest), p.dtype)[None]


def logarithmic(
    p: Float[Array, "batch parameter"], low: Sequence[float], high: Sequence[float]
) -> Float[Array, "batch parameter"]:
    """Map the trained range of each parameter to [-1, 1] on a logarithmic scale, dimensionless.

    The logarithm distinguishes 1e-8 from 1e-3. A parameter whose trained range starts at zero uses arsinh(p / s) with
    s = 1e-3 of the largest trained magnitude: logarithmic for p >> s, and zero at p = 0. A parameter of either sign
    uses s = 0.3 of the largest magnitude. A parameter that never varied in training maps to log(p / low), which is
    zero at the trained value.
    """
    columns = []
    for i, (smallest, largest) in enumerate(zip(low, high, strict=True)):
        if smallest > 0:
            value = jnp.log(jnp.maximum(p[:, i], _SMALLEST_NORMAL))  # log(0) would turn every output into NaN
            start, stop = float(np.log(smallest)), float(np.log(largest))
        else:
            floor = _FLOOR_AT_ZERO if smallest == 0 else _FLOOR_OF_EITHER_SIGN
            floor = floor * max(abs(smallest), abs(largest), 1e-30)
            value = jnp.arcsinh(p[:, i] / floor)
            start, stop = float(np.arcsinh(smallest / floor)), float(np.arcsinh(largest / floor))
        half = (stop - start) / 2 if stop > start else 1.0
        columns.append((value - (start + stop) / 2) / half)
    return jnp.stack(columns, -1) if columns else p


def both(
    p: Float[Array, "batch parameter"], low: Sequence[float], high: Sequence[float]
) -> Float[Array, "batch two_parameters"]:
    """Concatenate `linear` and `logarithmic`."""
    return jnp.concatenate([linear(p, low, high), logarithmic(p, low, high)], -1)


def waves(
    p: Float[Array, "batch parameter"], low: Sequence[float], high: Sequence[float]
) -> Float[Array, "batch eight_parameters"]:
    """Compute sin and cos of π/2, π, 2π and 4π times `logarithmic`, like the positional encoding of a transformer."""
    factors = np.pi / 2 * 2.0 ** np.arange(_WAVES)
    angles = logarithmic(p, low, high)[..., None] * jnp.asarray(factors, p.dtype)[None, None]
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], -1).reshape(len(p), -1)


class Embedding(NamedTuple):
    """An embedding.

    Attributes:
        embed: the function of (p, low, high).
        features: how many outputs it gives for each parameter.
    """

    embed: Callable[[Array, Sequence[float], Sequence[float]], Array]
    features: int


EmbeddingName = Literal["logarithm", "value", "both", "waves"]
EMBEDDINGS: dict[EmbeddingName, Embedding] = {
    "logarithm": Embedding(logarithmic, 1),
    "value": Embedding(linear, 1),
    "both": Embedding(both, 2),
    "waves": Embedding(waves, 2 * _WAVES),
}
