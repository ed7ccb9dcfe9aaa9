"""Rollout: a one-step map applied to its own output."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Step = Callable[[Float[Array, "batch *space channel"]], Float[Array, "batch *space channel"]]


def rollout(
    step: Step, u0: Float[Array, "batch *space channel"], steps: int
) -> Float[Array, "batch steps *space channel"]:
    """Predict `steps` frames after `u0`: step(u0), step(step(u0)), ... The result does not include u0.

    The step can be any one-step map: a surrogate's `.at(p)`, a base solver, a numerical scheme, an exact solution.

    Backpropagation keeps the frames and the intermediate values of one step. It computes each step once more, so that
    memory does not grow by the size of a network with every step.

    Raises:
        ValueError: `steps` is not a whole number of at least 1.
    """
    if not isinstance(steps, int | np.integer) or steps < 1:
        raise ValueError(f"expected at least one step, a whole number, got {steps!r}")

    def advance(u, _):
        u = step(u)
        return u, u

    checkpointed = jax.checkpoint(advance, prevent_cse=False)  # a scan needs no protection against CSE
    _, frames = jax.lax.scan(checkpointed, u0, length=steps)
    return jnp.moveaxis(frames, 0, 1)


def persistence(u: Float[Array, "batch *space channel"]) -> Float[Array, "batch *space channel"]:
    """Return u: the one-step map that predicts no change, a baseline for every model."""
    return u
