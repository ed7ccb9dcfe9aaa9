"""Whether a transformation of jax is tracing values, so that they are unknown and cannot be checked."""

import contextlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp


def traced(values: Any) -> bool:
    """Return whether a transformation of jax is tracing some of the values, so that they are unknown."""
    leaves = jax.tree.leaves(list(values.values()) if isinstance(values, Mapping) else values)
    return any(isinstance(leaf, jax.core.Tracer) for leaf in leaves)


def at_once_unless_traced(values: Any) -> contextlib.AbstractContextManager[None]:
    """Return a context in which known values are computed at once, even while jax is tracing a function of others."""
    return contextlib.nullcontext() if traced(values) else jax.ensure_compile_time_eval()


@jax.jit
def all_finite(values: jax.Array) -> jax.Array:
    """Return whether no value is NaN or infinite."""
    return jnp.isfinite(values).all()
