"""The fit of an equation with products, from pairs of frames."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

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
_ENOUGH = 1e-3
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

    @property
    def every_third(self) -> "Pairs":
        """A third of the pairs: those of each value follow one another."""
        return Pairs(*(a[::3] for a in self))


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
        enough: expected relative decrease of the misfit below which a fit ends.
    """

    def __init__(
        self,
        pairs: Pairs,
        terms: Sequence[Term],
        on: Axes,
        conserved: Sequence[bool],
        signs: Float[np.ndarray, "group term"] | None = None,
        enough: float = _ENOUGH,
    ):
        self.form, self.enough = Form(tuple(terms), on, tuple(conserved)), enough
        self.signs, self.functions = np.eye(len(terms)) if signs is None else signs, pairs.functions
        self._kept: tuple[Any, tuple[np.ndarray, ...]] | None = None
        self.shape = (len(self.signs), pairs.functions.shape[1])
        self.data = tuple(jnp.asarray(a, jnp.float32) for a in pairs[:4])

    def misfits(self, x: Float[np.ndarray, "term function"], substeps: int) -> Float[np.ndarray, " pair"]:
        """Return the mean square error of each pair over that of persistence at its value."""
        coefficients = jnp.asarray(self.signs.T @ x, jnp.float32)
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
            if expected < self.enough * misfit:
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

    def refitted(self, x: np.ndarray, free: np.ndarray, substeps: int, included: np.ndarray) -> np.ndarray:
        """Return the coefficients with the least misfit on other pairs, by the quadratic model around x."""
        _, gradient, hessian = self.normal_equations(x, substeps, included)
        chosen = np.flatnonzero(free.ravel())
        scale = 1 / np.sqrt(np.diag(hessian)[chosen] + 1e-30)
        matrix = hessian[np.ix_(chosen, chosen)] * np.outer(scale, scale)
        change = np.zeros(x.size)
        change[chosen] = -np.linalg.lstsq(matrix, gradient[chosen] * scale, rcond=1e-9)[0] * scale
        return x + change.reshape(self.shape)

    def without_negligible(
        self, x: np.ndarray, free: np.ndarray, substeps: int, included: np.ndarray, rise: float = _NEGLIGIBLE
    ) -> tuple[np.ndarray, np.ndarray]:
        """Remove coefficients one by one while the misfit hardly rises; return the others, and which these are.

        The rise, relative to the misfit, is estimated from the quadratic model of the misfit around its minimum.
        """
        misfit, _, hessian = self.normal_equations(x, substeps, included)
        if not np.isfinite(misfit):
            return x, free
        return eliminate(x, free, hessian, max(rise * misfit, _SMALLEST))

    def normal_equations(
        self, x: np.ndarray, substeps: int, included: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the misfit of the included pairs, half its gradient, and half its second derivative."""
        share = included / included.sum()
        squares, gradients, products = self._of_pairs(x, substeps)
        misfit, functions = float(share @ squares), self.functions
        if not (np.isfinite(misfit) and np.isfinite(products).all()):
            return np.inf, np.zeros(x.size), np.zeros((x.size, x.size))
        gradient = np.einsum("p,pg,pf->gf", share, gradients, functions)
        hessian = np.einsum("p,pgh,pf,pk->gfhk", share, products, functions, functions, optimize=True)
        return misfit, gradient.ravel(), hessian.reshape(x.size, x.size)

    def _of_pairs(self, x: np.ndarray, substeps: int) -> tuple[np.ndarray, ...]:
        """Return misfit, half its gradient and half its second derivative for the rates of each pair. They are kept."""
        at = (x.tobytes(), substeps)
        if self._kept is None or self._kept[0] != at:
            rates, signs = (jnp.asarray(a, jnp.float32) for a in (self.functions @ x.T, self.signs))
            found = _normal_equations(self.form, rates, signs, jnp.int32(substeps), self.data)
            self._kept = at, tuple(np.asarray(a, np.float64) for a in found)
        return self._kept[1]


def _errors(
    form: Form, rates: Float[Array, "pair term"], substeps: Array, data: tuple[Array, ...]
) -> Float[Array, "pair value"]:
    """Return the errors of a step whose squares, summed over the values of a pair, are its misfit."""
    before, after, _, weight = data
    u = step(form.terms, form.on, substeps, before, rates)
    u = keep_mean(before, u, form.conserved)
    difference = (u - after).reshape(len(before), -1)
    return difference * (weight / np.sqrt(difference.shape[1]))[:, None]


@functools.partial(jax.jit, static_argnums=0)
def _squares(form: Form, x: Array, substeps: Array, data: tuple[Array, ...]) -> Float[Array, " pair"]:
    return (_errors(form, data[2] @ x.T, substeps, data) ** 2).sum(1)


@functools.partial(jax.jit, static_argnums=0)
def _normal_equations(form: Form, rates: Array, signs: Array, substeps: Array, data: tuple[Array, ...]):
    """Return the misfit of each pair, half its gradient, and half its second derivative in Gauss's approximation.

    A pair depends on the coefficients by its rates [pair, group] only.
    """
    errors, tangent = jax.linearize(lambda rates: _errors(form, rates @ signs, substeps, data), rates)
    columns = jax.lax.map(
        lambda row: tangent(jnp.broadcast_to(row[None], rates.shape)),
        jnp.eye(len(signs), dtype=rates.dtype),
        batch_size=_AT_ONCE,
    )  # [group, pair, value]
    products = jnp.einsum("gpv,hpv->pgh", columns, columns)
    return (errors**2).sum(1), jnp.einsum("gpv,pv->pg", columns, errors), products
