"""Losses: pure functions of a prediction and its target, which must have one shape."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float


def relative_l2(
    prediction: Float[Array, "*leading_and_field"],
    target: Float[Array, "*leading_and_field"],
    leading: int,
    floor: ArrayLike = 0.0,
) -> Float[Array, "*leading"]:
    """Compute ‖prediction − target‖₂ / max(‖target‖₂, floor) over all axes after the first `leading` ones.

    Dimensionless, one value for each index of the leading axes (batch, or time and batch).

    Args:
        leading: number of leading axes.
        floor: one number, or one for each index of the leading axes. Without a floor, a target of zeros gives infinity.

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
