"""The posterior of an equation's coefficients, given pairs of frames and a normal prior."""

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.adaptation.adaptation import equation_step
from cape.identification.equation import IdentifiedEquation
from cape.problem import Problem

_FIRST_DAMPING, _LARGEST_DAMPING = 1e-3, 1e6
_ITERATIONS, _REWEIGHTINGS = 8, 8
_AT_ONCE = 8  # derivatives
_ENOUGH = 1e-4  # expected relative decrease of the misfit below which the fit ends
_SETTLED = 0.9  # ratio of misfits from which σ² is not estimated again
_SMALLEST = 1e-8  # misfit of rounding


class Pairs(NamedTuple):
    """Pairs of consecutive frames in physical units, and the parameters of each."""

    before: Float[np.ndarray, "pair *space channel"]
    after: Float[np.ndarray, "pair *space channel"]
    parameters: Float[np.ndarray, "pair parameter"]


class Posterior(NamedTuple):
    """The normal distribution of offsets of the coefficients.

    Attributes:
        mean, deviation: of the offset of each term.
        precision: the inverse of the covariance.
        misfit: mean square error of a step at the mean, over that of persistence.
    """

    mean: Float[np.ndarray, " term"]
    deviation: Float[np.ndarray, " term"]
    precision: Float[np.ndarray, "term term"]
    misfit: float


class Form(NamedTuple):
    """What the compiled functions depend on."""

    equation: IdentifiedEquation
    scheme: str
    conserved: tuple[bool, ...]
    problem: Problem

    @property
    def shape(self) -> "Form":
        """The form without coefficients and substeps, so that equations of the same terms share a program."""
        return self._replace(
            equation=dataclasses.replace(self.equation, coefficients=(), substeps=1, misfit=0.0)
        )


def misfit(pairs: Pairs, form: Form, c: Float[Array, "pair term"], substeps: int) -> float:
    """Return the mean square error of a step over that of persistence, in standard deviations of the channels."""
    found = float(_squares(form.shape, jnp.zeros(c.shape[1]), jnp.int32(substeps), _data(form, pairs, c)))
    return found if np.isfinite(found) else np.inf


def residuals(
    pairs: Pairs, form: Form, c: Float[Array, "pair term"], substeps: int
) -> Float[np.ndarray, "pair *space channel"]:
    """Return truth minus prediction after one step, in standard deviations of the channels."""
    before, _, c, _ = _data(form, pairs, c)
    found = _after(form.shape, before, c, jnp.int32(substeps))
    return (pairs.after - np.asarray(found, np.float64)) / np.asarray(form.problem.channel_std)


def posterior(
    pairs: Pairs,
    form: Form,
    c: Float[Array, "pair term"],
    spread: Float[np.ndarray, " term"],
    substeps: int,
) -> Posterior:
    """Return the posterior of offsets δ of the coefficients: δ ~ N(0, spread²), after − E(before; c + δ) ~ N(0, σ²).

    The mean is the maximum of the posterior, found by the method of Levenberg and Marquardt. The covariance is that of
    the linearised step (Laplace). σ² is the misfit that is left. The errors of the points of a pair are not
    independent, so a pair counts as one observation.

    Args:
        c: the coefficients of every pair that the prior expects.
        spread: standard deviation of the prior.
    """
    data, scale = _data(form, pairs, c), 1.0
    prior = np.diag(1 / spread**2)
    x = np.zeros(len(spread))
    at = _at(form, x, substeps, data)
    for _ in range(_REWEIGHTINGS if np.isfinite(at[0]) else 0):
        scale = len(pairs.before) / max(at[0], _SMALLEST)
        before, (x, at) = at[0], _maximum(form, x, at, scale, prior, substeps, data)
        if at[0] > _SETTLED * before:
            break
    return _normal(x, at, len(pairs.before), prior)


def _normal(x: np.ndarray, at, pairs: int, prior: np.ndarray) -> Posterior:
    """Return the normal distribution around x by the derivatives there."""
    precision = pairs / max(at[0], _SMALLEST) * at[2] + prior if np.isfinite(at[0]) else prior
    return Posterior(x, np.sqrt(np.diag(np.linalg.inv(precision))), precision, at[0])


def _maximum(form, x, at, scale, prior, substeps, data):
    """Return the offsets that minimise scale · misfit + δᵀ prior δ, and the misfit with its derivatives there."""
    damping = _FIRST_DAMPING
    for _ in range(_ITERATIONS):
        value = scale * at[0] + x @ prior @ x
        gradient, hessian = scale * at[1] + prior @ x, scale * at[2] + prior
        change = -np.linalg.solve(hessian + damping * np.diag(np.diag(hessian)), gradient)
        if -(gradient @ change) < _ENOUGH * value:
            break
        trial = _at(form, x + change, substeps, data)
        if scale * trial[0] + (x + change) @ prior @ (x + change) < value:
            x, at, damping = x + change, trial, damping / 10
        else:
            damping *= 10
            if damping > _LARGEST_DAMPING:
                break
    return x, at


def _data(form: Form, pairs: Pairs, c: Array) -> tuple[Array, ...]:
    std = np.asarray(form.problem.channel_std)
    change = np.sqrt((((pairs.after - pairs.before) / std) ** 2).mean())
    weight = jnp.asarray(1 / (std * max(change, 1e-12)), jnp.float32)
    before, after = (jnp.asarray(a, jnp.float32) for a in pairs[:2])
    return before, after, jnp.asarray(c, jnp.float32), weight


def _at(form: Form, x: np.ndarray, substeps: int, data: tuple[Array, ...]):
    found = _normal_equations(form.shape, jnp.asarray(x, jnp.float32), jnp.int32(substeps), data)
    value, gradient, hessian = (np.asarray(a, np.float64) for a in found)
    finite = np.isfinite(value) and np.isfinite(gradient).all() and np.isfinite(hessian).all()
    return (float(value) if finite else np.inf), gradient, hessian


def _errors(form: Form, x: Array, substeps: Array, data: tuple[Array, ...]) -> Float[Array, " value"]:
    """Return the errors of a step whose squares sum to the misfit."""
    before, after, c, weight = data
    u = equation_step(form.equation, form.scheme, form.conserved, form.problem, before, c + x[None], substeps)
    errors = (u - after) * weight.reshape((1,) * (u.ndim - 1) + (-1,))
    return errors.ravel() / np.sqrt(errors.size)


@functools.partial(jax.jit, static_argnums=0)
def _after(form: Form, before: Array, c: Array, substeps: Array) -> Array:
    return equation_step(form.equation, form.scheme, form.conserved, form.problem, before, c, substeps)


@functools.partial(jax.jit, static_argnums=0)
def _squares(form: Form, x: Array, substeps: Array, data: tuple[Array, ...]) -> Float[Array, ""]:
    return jnp.square(_errors(form, x, substeps, data)).sum()


@functools.partial(jax.jit, static_argnums=0)
def _normal_equations(form: Form, x: Array, substeps: Array, data: tuple[Array, ...]):
    """Return the misfit, half its gradient, and half its second derivative in Gauss's approximation."""
    errors, tangent = jax.linearize(lambda x: _errors(form, x, substeps, data), x)
    columns = jax.lax.map(tangent, jnp.eye(x.size, dtype=x.dtype), batch_size=_AT_ONCE)
    with jax.default_matmul_precision("highest"):
        return jnp.square(errors).sum(), columns @ errors, columns @ columns.T
