"""The arrays of a model: their number and their precision."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array


def count_weights(module: nnx.Module) -> int:
    """Count the trained numbers. A complex weight counts as two: its real and its imaginary part."""
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module, nnx.Param)))


def single(array: Array) -> Array:
    """Return weights of float64 as float32. Parts of users make such weights in JAX's 64-bit mode."""
    return array.astype(jnp.float32) if array.dtype == np.float64 else array
