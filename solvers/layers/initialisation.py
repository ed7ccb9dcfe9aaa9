"""Random initial weights, drawn on the host, which needs no compilation for each new shape."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx


class ElementwiseParam(nnx.Param):
    """A weight that is not a map between channels; Muon leaves it to AdamW."""


def draw(
    rngs: nnx.Rngs,
    shape: tuple[int, ...],
    sample: Callable[[np.random.Generator], np.ndarray],
    param: type[nnx.Param] = nnx.Param,
) -> nnx.Param:
    """Draw float32 weights with `sample`, a pure function of a generator that the next key of `rngs.params` seeds.

    numpy draws the numbers, because `jax.random` compiles anew for every shape: building a U-Net took ten times as
    long with it. Inside jit a callback gives the same numbers, and `eval_shape` draws none.
    """
    key = jax.random.key_data(rngs.params())

    def on_host(key) -> np.ndarray:
        return sample(np.random.default_rng(np.asarray(key).tolist()))

    if isinstance(key, jax.core.Tracer):
        return param(jax.pure_callback(on_host, jax.ShapeDtypeStruct(shape, jnp.float32), key))
    return param(jnp.asarray(on_host(key)))


def uniform(
    rngs: nnx.Rngs, shape: tuple[int, ...], low: float, high: float, param: type[nnx.Param] = nnx.Param
) -> nnx.Param:
    """Draw from the uniform distribution on [low, high)."""
    start, width = np.float32(low), np.float32(high - low)
    return draw(rngs, shape, lambda generator: start + width * generator.random(shape, np.float32), param)


def normal(rngs: nnx.Rngs, shape: tuple[int, ...], std: float) -> nnx.Param:
    """Draw from the normal distribution of mean 0 and standard deviation `std`."""
    return draw(rngs, shape, lambda generator: np.float32(std) * generator.standard_normal(shape, np.float32))


def torch_uniform(
    rngs: nnx.Rngs, shape: tuple[int, ...], fan_in: int, param: type[nnx.Param] = nnx.Param
) -> nnx.Param:
    """Draw from U(-1/√fan_in, 1/√fan_in), PyTorch's default for weights and biases of linear and conv layers."""
    return uniform(rngs, shape, -(fan_in**-0.5), fan_in**-0.5, param)
