"""The fit of an equation with products, from pairs of frames."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cape.identification.elimination import eliminate
from cape.identification.step import keep_mean, step
from cape.identification.terms import Axes, Term

_FIRST_DAMPING, _LARGEST_DAMPING = 1e-3, 1e6
_ITERATIONS = 20
_AT_ONCE = 8  # derivatives
_ENOUGH = 1e-3  # expected relative decrease of the misfit below which the fit ends
_NEGLIGIBLE = 0.02  # relative increase of the misfit that the removal of a term may cause
_SMALLEST = 1e-6  # misfit below which a difference is rounding


class Pairs(NamedTuple):
    """Pairs of consecutive frames, all channels of standard deviation 1.

    Attributes:
        before, after: the frames.
        functions: the functions of the parameters of each pair.
        weight: one over the root mean square change of a step at the pair's value.
        value: number of the parameter value of each pair.
    """

    before: Float[np.ndarray, "pair *space channel"]
    after: Float[np.ndarray, "pair *space channel"]
    functions: Float[np.ndarray, "pair function"]
    weight: Float[np.ndarray, " pair"]
    value: Float[np.ndarray, " pair"]


class Form(NamedTuple):
    """What the compiled functions depend on: the terms, the axes, and which channels are conserved."""

    terms: tuple[Term, ...]
    on: Axes
    conserved: tuple[bool, ...]


class ProductFit:
    """Least squares for the coefficients of all terms, by the method of Levenberg and Marquardt.

    Args:
        pairs: the data.
        terms: the terms of the library.
        on: the axes.
        conserved: which channels conserve their mean over space.
        signs: [group, term] of terms that share a coefficient (see `SymmetricTerms`); coefficients are then those of
            the groups.
    """

    def __init__(
        self,
        pairs: Pairs,
        terms: Sequence[Term],
        on: Axes,
        conserved: Sequence[bool],
        signs: Float[np.ndarray, "group term"] | None = None,
    ):
        self.form = Form(tuple(terms), on, tuple(conserved))
        self.signs = signs
        self.shape = (len(terms) if signs is None else len(signs), pairs.functions.shape[1])
        self.data = tuple(jnp.asarray(a, jnp.float32) for a in pairs[:4])

    def misfits(self, x: Float[np.ndarray, "term function"], substeps: int) -> Float[np.ndarray, " pair"]:
        """Return the mean square error of each pair over that of persistence at its value."""
        coefficients = jnp.asarray(x if self.signs is None else self.signs.T @ x, jnp.float32)
        found = np.asarray(_squares(self.form, coefficients, jnp.int32(substeps), self.data), np.float64)
        return np.where(np.isfinite(found), found, np.inf)

    def solve(
        self,
        x: Float[np.ndarray, "term function"],
        free: Bool[np.ndarray, "term function"],
        substeps: int,
        included: Bool[np.ndarray, " pair"],
    ) -> Float[np.ndarray, "term function"]:
        """Return the coefficients with the least misfit on the included pairs; those not free stay as they are."""
        damping, at = _FIRST_DAMPING, self.normal_equations(x, substeps, included)
        if not np.isfinite(at[0]):
            return x
        for _ in range(_ITERATIONS):
            misfit, gradient, hessian = at
            chosen = np.flatnonzero(free.ravel())
            scale = np.diag(hessian)[chosen] + 1e-12
            matrix = hessian[np.ix_(chosen, chosen)] + damping * np.diag(scale)
            change = np.zeros(x.size)
            change[chosen] = -np.linalg.lstsq(matrix, gradient[chosen], rcond=None)[0]
            expected = -2 * gradient @ change - change @ hessian @ change
            if expected < _ENOUGH * misfit:
                break
            following = x + change.reshape(self.shape)
            trial = self.normal_equations(following, substeps, included)
            if not trial[0] < misfit:
                damping *= 10
                if damping > _LARGEST_DAMPING:
                    break
                continue
            x, at, damping = following, trial, damping / 10
        return x

    def without_negligible(
        self, x: np.ndarray, free: np.ndarray, substeps: int, included: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Remove coefficients one by one while the misfit hardly rises; return the others, and which these are.

        The rise is estimated from the quadratic model of the misfit around its minimum.
        """
        misfit, _, hessian = self.normal_equations(x, substeps, included)
        if not np.isfinite(misfit):
            return x, free
        allowed = max(_NEGLIGIBLE * misfit, _SMALLEST)
        y, kept = eliminate(x.ravel(), free.ravel(), hessian, allowed)
        return y.reshape(self.shape), kept.reshape(self.shape)

    def normal_equations(
        self, x: np.ndarray, substeps: int, included: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the misfit of the included pairs, half its gradient, and half its second derivative."""
        share = jnp.asarray(included / included.sum(), jnp.float32)
        values = self.form, jnp.asarray(x, jnp.float32), jnp.int32(substeps), share, self.data
        if self.signs is None:
            found = _normal_equations(*values)
        else:
            found = _of_groups(*values, jnp.asarray(self.signs, jnp.float32))
        misfit, gradient, hessian = (np.asarray(a, np.float64) for a in found)
        finite = np.isfinite(misfit) and np.isfinite(gradient).all() and np.isfinite(hessian).all()
        return (float(misfit) if finite else np.inf), gradient, hessian


def _errors(form: Form, x: Array, substeps: Array, data: tuple[Array, ...]) -> Float[Array, "pair value"]:
    """Return the errors of a step whose squares, summed over the values of a pair, are its misfit."""
    before, after, functions, weight = data
    u = step(form.terms, form.on, substeps, before, functions @ x.T)
    u = keep_mean(before, u, form.conserved)
    difference = (u - after).reshape(len(before), -1)
    return difference * (weight / np.sqrt(difference.shape[1]))[:, None]


@functools.partial(jax.jit, static_argnums=0)
def _squares(form: Form, x: Array, substeps: Array, data: tuple[Array, ...]) -> Float[Array, " pair"]:
    return (_errors(form, x, substeps, data) ** 2).sum(1)


@functools.partial(jax.jit, static_argnums=0)
def _normal_equations(form: Form, x: Array, substeps: Array, share: Array, data: tuple[Array, ...]):
    """Return the misfit, half its gradient, and half its second derivative in Gauss's approximation."""
    errors, tangent = jax.linearize(
        lambda x: _errors(form, x.reshape(len(form.terms), -1), substeps, data), x.ravel()
    )
    weight = jnp.sqrt(share)[:, None]
    columns = jax.vmap(tangent)(jnp.eye(x.size, dtype=x.dtype)) * weight[None]  # [coefficient, pair, value]
    errors = errors * weight
    return (errors**2).sum(), jnp.tensordot(columns, errors, 2), jnp.einsum("ipv,jpv->ij", columns, columns)


@functools.partial(jax.jit, static_argnums=0)
def _of_groups(form: Form, x: Array, substeps: Array, share: Array, data: tuple[Array, ...], signs: Array):
    """Return the same for coefficients of groups of terms. One derivative serves all functions of the parameters."""
    before, after, functions, weight = data
    one = jnp.ones((len(before), 1), x.dtype)

    def errors(rate: Array) -> Array:
        v = keep_mean(before, step(form.terms, form.on, substeps, before, rate @ signs), form.conserved)
        difference = (v - after).reshape(len(before), -1)
        return difference * (weight / np.sqrt(difference.shape[1]))[:, None] * jnp.sqrt(share)[:, None]

    found, tangent = jax.linearize(errors, functions @ x.T)
    columns = jax.lax.map(
        lambda row: tangent(one * row[None]), jnp.eye(len(signs), dtype=x.dtype), batch_size=_AT_ONCE
    )
    gradient = jnp.einsum("gpv,pv->pg", columns, found)
    products = jnp.einsum("gpv,hpv->pgh", columns, columns)
    hessian = jnp.einsum("pgh,pf,pk->gfhk", products, functions, functions)
    return (found**2).sum(), (gradient.T @ functions).ravel(), hessian.reshape(x.size, x.size)
