"""Optimisers on few large arrays instead of many small ones: the same updates in a program that compiles faster.

XLA compiles a loop for every operation on every array. A surrogate has dozens of weights, and Muon has dozens of
operations, so most of the program of an update was its optimiser.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

_MULTIPLE = 1024  # of the length of a vector, so that devices can divide it

Matrices = Callable[[Any], Any]


def packed(
    inner: optax.GradientTransformation, matrices: Matrices | None = None
) -> optax.GradientTransformation:
    """Return a transformation that applies `inner` to few arrays in which the weights are packed.

    `inner` sees a dictionary: the matrices of each shape as one array [matrix, row, column] (its name is that of
    `is_matrix`), and all other weights of a dtype as one vector, which ends with zeros. It must treat the numbers of a
    vector one by one, and the matrices of an array one by one. The results are then those of `inner` on the weights
    themselves, up to rounding.

    Args:
        inner: sees the packed weights, gradients and state.
        matrices: gives, for a tree of weights, a tree that is None where a weight is not a matrix, or an array of
            matrices in its last two axes; None: no weight is a matrix.
    """

    def init(params: Any) -> Any:
        return inner.init(_pack(params, matrices))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        given = None if params is None else _pack(params, matrices)
        changes, state = inner.update(_pack(updates, matrices), state, given)
        return _unpack(changes, updates, matrices), state

    return optax.GradientTransformation(init, update)  # type: ignore[arg-type]


def is_matrix(name: str) -> bool:
    """Return whether an array of the packed weights holds matrices, from its name."""
    return name.startswith("matrices")


def global_norm(tree: Any) -> Float[Array, ""]:
    """Return the root of the sum of the squared magnitudes of all numbers in a tree."""
    parts = [part for leaf in jax.tree.leaves(tree) for part in _real_parts(leaf)]
    return jnp.sqrt(jnp.sum(jnp.square(jnp.concatenate(parts))))


def clipped_by_global_norm(largest: float) -> optax.GradientTransformation:
    """Return a transformation that scales gradients whose global norm is larger down to `largest`."""

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        factor = largest / jnp.maximum(global_norm(updates), largest)
        return jax.tree.map(lambda each: each * factor.astype(each.real.dtype), updates), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)  # type: ignore[arg-type]


def _real_parts(leaf: Array) -> list[Array]:
    parts = [leaf.real, leaf.imag] if jnp.iscomplexobj(leaf) else [leaf]
    return [part.reshape(-1) for part in parts]


def _pack(tree: Any, matrices: Matrices | None) -> dict[str, Array]:
    """Return the arrays of a tree packed by `_names`."""
    leaves = jax.tree.leaves(tree)
    groups: dict[str, list[Array]] = {}
    for name, leaf in zip(_names(tree, matrices), leaves, strict=True):
        flat = leaf.reshape(-1, *leaf.shape[-2:]) if is_matrix(name) else leaf.reshape(-1)
        groups.setdefault(name, []).append(flat)
    for name, parts in groups.items():
        short = -sum(len(part) for part in parts) % _MULTIPLE
        if short and not is_matrix(name):
            parts.append(jnp.zeros(short, parts[0].dtype))
    return {name: jnp.concatenate(parts) for name, parts in groups.items()}


def _unpack(arrays: Mapping[str, Array], like: Any, matrices: Matrices | None) -> Any:
    """Return the tree with the shapes of `like` that `_pack` made these arrays of."""
    leaves, structure = jax.tree.flatten(like)
    used = dict.fromkeys(arrays, 0)
    found = []
    for name, leaf in zip(_names(like, matrices), leaves, strict=True):
        rows = leaf.size // (leaf.shape[-2] * leaf.shape[-1]) if is_matrix(name) else leaf.size
        found.append(arrays[name][used[name] : used[name] + rows].reshape(leaf.shape))
        used[name] += rows
    return jax.tree.unflatten(structure, found)


def _names(tree: Any, matrices: Matrices | None) -> list[str]:
    """Return the name of the array that each leaf of a tree is packed in."""
    leaves, structure = jax.tree.leaves(tree), jax.tree.structure(tree)
    axes = [None] * len(leaves) if matrices is None else _up_to(structure, matrices(tree))
    names = []
    for leaf, found in zip(leaves, axes, strict=True):
        rows_columns = "x".join(map(str, leaf.shape[-2:]))
        names.append(f"vector {leaf.dtype}" if found is None else f"matrices {rows_columns} {leaf.dtype}")
    return names


def _up_to(structure: Any, tree: Any) -> list[Any]:
    """Return the parts of a tree, None included, that stand where another tree has leaves."""
    parts: list[Any] = structure.flatten_up_to(tree)
    return parts
