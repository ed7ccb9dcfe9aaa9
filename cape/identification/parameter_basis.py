"""Functions of the PDE parameters that the coefficients of an identified equation are linear in."""

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

BasisName = Literal["linear", "squares", "quadratic", "inverse", "root"]


def _linear(r: Any) -> Any:
    return r


def _squares(r: Any) -> Any:
    return r**2


def _quadratic(r: Any) -> Any:
    pairs = [r[:, i : i + 1] * r[:, i:] for i in range(r.shape[1])]
    return namespace(r).concatenate([r, *pairs], -1)


def _inverse(r: Any) -> Any:
    return 1.0 / r


def _root(r: Any) -> Any:
    return namespace(r).sqrt(namespace(r).maximum(r, 0.0))


def namespace(array: Any) -> Any:
    """Return jax.numpy for an array of jax, and numpy for any other."""
    return jnp if isinstance(array, jax.Array) else np


BASES: dict[BasisName, Callable[[Any], Any]] = {
    "linear": _linear,
    "squares": _squares,
    "quadratic": _quadratic,
    "inverse": _inverse,
    "root": _root,
}
OF_POSITIVE_VALUES: tuple[BasisName, ...] = ("inverse", "root")


def basis_functions(name: BasisName, scaled: Any) -> Any:
    """Evaluate the functions of a basis, with 1 first, on parameters divided by their largest trained magnitude.

    "linear" gives p, "squares" p², "quadratic" p and all products of two parameters, "inverse" 1/p, "root" √p.

    Args:
        scaled: [batch, parameter], of jax or of numpy; the result [batch, function] is the same.
    """
    functions = namespace(scaled)
    return functions.concatenate([functions.ones_like(scaled[:, :1]), BASES[name](scaled)], -1)
