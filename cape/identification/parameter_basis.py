"""Functions of the PDE parameters that the coefficients of an identified equation are linear in."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_OF_ONE: dict[str, Callable[[Any], Any]] = {
    "linear": lambda r: r,
    "squares": lambda r: r**2,
    "inverse": lambda r: 1.0 / r,
    "root": lambda r: namespace(r).sqrt(namespace(r).maximum(r, 0.0)),
}
QUADRATIC, CONSTANT = "quadratic", "constant"
_MOST_MIXED = 3  # parameters of which some have squares


def namespace(array: Any) -> Any:
    """Return jax.numpy for an array of jax, and numpy for any other."""
    return jnp if isinstance(array, jax.Array) else np


def basis_names(parameters: int, *, positive: bool) -> list[str]:
    """Return the names of all bases, the simplest first.

    Args:
        parameters: their number.
        positive: whether all values are positive, as "inverse" and "root" require.
    """
    mixed = itertools.product(("linear", "squares"), repeat=parameters)
    names = ["linear", "squares"]
    if parameters <= _MOST_MIXED:
        names += [",".join(each) for each in mixed if len(set(each)) > 1]
    return [*names, QUADRATIC, *(["inverse", "root"] if positive else [])]


def function_of_each(name: str, parameters: int) -> list[str]:
    """Return the name of the function of each parameter, for a basis with one function of each."""
    return name.split(",") if "," in name else [name] * parameters


def basis_functions(name: str, scaled: Any) -> Any:
    """Evaluate the functions of a basis, with 1 first, on parameters divided by their largest trained magnitude.

    "constant" gives no others, "linear" gives p, "squares" p², "inverse" 1/p, "root" √p, and "quadratic" p and all
    products of two parameters.
    A name for each parameter, such as "squares,linear", gives one function of each.

    Args:
        name: of the basis.
        scaled: [batch, parameter], of jax or of numpy; the result [batch, function] is the same.

    Raises:
        ValueError: there is no such basis.
    """
    number = scaled.shape[1]
    each = function_of_each(name, number)
    columns: list[Any]
    if name == CONSTANT:
        columns = []
    elif name == QUADRATIC:
        columns = [scaled, *(scaled[:, i : i + 1] * scaled[:, i:] for i in range(number))]
    elif len(each) == number and all(part in _OF_ONE for part in each):
        columns = [_OF_ONE[part](scaled[:, i : i + 1]) for i, part in enumerate(each)]
    else:
        raise ValueError(f"equation.basis: {name!r} is unknown, or is not one of {number} parameters")
    numpy = namespace(scaled)
    return numpy.concatenate([numpy.ones((scaled.shape[0], 1), scaled.dtype), *columns], -1)
