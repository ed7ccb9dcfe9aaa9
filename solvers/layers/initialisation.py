"""Random initial weights, drawn on the host: no compilation for each new shape."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx


def draw(
    rngs: nnx.Rngs, shape: tuple[int, ...], sample: Callable[[np.random.Generator], np.ndarray]
) -> nnx.Param:
    """Draw float32 weights by `sample`, a pure function of the next key of `rngs.params`.

    numpy draws them, seeded by the key: `jax.random` compiles anew for every shape, which made building a
    U-Net take
    ten times as long. Inside jit the same numbers come by callback, and eval_shape draws none.
    """
    key = jax.random.key_data(rngs.params())

    def on_host(key) -> np.ndarray:
        return sample(np.random.default_rng(np.asarray(key).tolist()))

    if isinstance(key, jax.core.Tracer):
        return nnx.Param(jax.pure_callback(on_host, jax.ShapeDtypeStruct(shape, jnp.float32), key))
    return nnx.Param(jnp.asarray(on_host(key)))


def uniform(rngs: nnx.Rngs, shape: tuple[int, ...], low: float, high: float) -> nnx.Param:
    """Draw from U[low, high)."""
    low, width = np.float32(low), np.float32(high - low)
    return draw(rngs, shape, lambda generator: low + width * generator.random(shape, np.float32))


def normal(rngs: nnx.Rngs, shape: tuple[int, ...], spread: float) -> nnx.Param:
    """Draw from the normal distribution of mean 0 and standard deviation `spread`."""
    return draw(
        rngs, shape, lambda generator: np.float32(spread) * generator.standard_normal(shape, np.float32)
    )


def torch_uniform(rngs: nnx.Rngs, shape: tuple[int, ...], fan_in: int) -> nnx.Param:
    """Draw from U(-1/√fan_in, 1/√fan_in), PyTorch's default for weights and biases of linear and conv layers."""
    return uniform(rngs, shape, -(fan_in**-0.5), fan_in**-0.5)
