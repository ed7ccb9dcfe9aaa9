"""Losses: pure functions of a prediction and its target, never broadcast."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def relative_l2(
    prediction: Float[Array, "*leading space_channel"],
    target: Float[Array, "*leading space_channel"],
    leading: int,
) -> Float[Array, "*leading"]:
    """Compute ‖prediction − target‖₂ / ‖target‖₂ over all axes behind the first `leading` ones.

    Dimensionless; one value for each index of the leading axes (batch, or time and batch). A target that
    vanishes identically gives infinity: a relative error of nothing has no meaning.

    Raises:
        ValueError: the shapes differ.
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"expected prediction and target of one shape, got {prediction.shape} and {target.shape}"
        )
    axes = tuple(range(leading, target.ndim))
    return jnp.sqrt(jnp.sum((prediction - target) ** 2, axes)) / jnp.sqrt(jnp.sum(target**2, axes))
