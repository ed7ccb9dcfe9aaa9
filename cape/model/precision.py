"""The precision of weights."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array


def single_precision(array: Array) -> Array:
    """Return weights of float64 as float32. Parts of users make such weights in JAX's 64-bit mode."""
    return array.astype(jnp.float32) if array.dtype == np.float64 else array
