"""The exact Gaussian error linear unit, written so that XLA compiles it to few instructions."""

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import erf
from jaxtyping import Array, Float


@jax.custom_jvp
def gelu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Apply gelu(x) = x/2 (1 + erf(x/√2)), elementwise and exact (no tanh approximation).

    `jax.nn.gelu(approximate=False)` uses erfc, and XLA evaluates both branches of it. On a CPU that costs about 3.5
    times as much for the same function to float32 rounding. The backward pass needs one array, the derivative
    Φ(x) + x φ(x).
    """
    return 0.5 * x * (1.0 + erf(x * (0.5**0.5)))


@gelu.defjvp
def _gelu_and_tangent(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (tangent,) = primals, tangents
    cumulative = 0.5 * (1.0 + erf(x * (0.5**0.5)))
    density = jnp.exp(-0.5 * x * x) * (2 * math.pi) ** -0.5
    return x * cumulative, tangent * (cumulative + x * density)
