"""Functions of the PDE parameters that the coefficients of an identified equation are linear in."""

from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

BasisName = Literal["linear", "squares", "quadratic", "inverse", "root"]
Scaled = Float[Array, "batch parameter"]


def _linear(r: Scaled) -> Array:
    return r


def _squares(r: Scaled) -> Array:
    return r**2


def _quadratic(r: Scaled) -> Array:
    pairs = [r[:, i : i + 1] * r[:, i:] for i in range(r.shape[1])]
    return jnp.concatenate([r, *pairs], -1)


def _inverse(r: Scaled) -> Array:
    return 1.0 / r


def _root(r: Scaled) -> Array:
    return jnp.sqrt(jnp.maximum(r, 0.0))


BASES: dict[BasisName, Callable[[Scaled], Array]] = {
    "linear": _linear,
    "squares": _squares,
    "quadratic": _quadratic,
    "inverse": _inverse,
    "root": _root,
}
OF_POSITIVE_VALUES: tuple[BasisName, ...] = ("inverse", "root")


def basis_functions(name: BasisName, scaled: Scaled) -> Float[Array, "batch function"]:
    """Evaluate the functions of a basis, with 1 first, on parameters divided by their largest trained magnitude.

    "linear" gives p, "squares" p², "quadratic" p and all products of two parameters, "inverse" 1/p, "root" √p.
    """
    return jnp.concatenate([jnp.ones_like(scaled[:, :1]), BASES[name](scaled)], -1)
