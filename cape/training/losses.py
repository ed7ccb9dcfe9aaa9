"""Losses: pure functions of a prediction and its target, never broadcast."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def relative_l2(
    prediction: Float[Array, "*leading space_channel"],
    target: Float[Array, "*leading space_channel"],
    leading: int,
    floor: ArrayLike = 0.0,
) -> Float[Array, "*leading"]:
    """Compute ‖prediction − target‖₂ / max(‖target‖₂, floor) over all axes behind the first `leading` ones.

    Dimensionless; one value for each index of the leading axes (batch, or time and batch), with one floor for
    all of them or one for each. Without a floor a target that vanishes identically gives infinity: a relative
    error of nothing has no meaning.

    Raises:
        ValueError: the shapes differ.
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"expected prediction and target of one shape, got {prediction.shape} and {target.shape}"
        )
    axes = tuple(range(leading, target.ndim))
    size = jnp.maximum(jnp.sqrt(jnp.sum(target**2, axes)), floor)
    return jnp.sqrt(jnp.sum((prediction - target) ** 2, axes)) / size
