"""The number of substeps with which the rollouts of an identified equation are stable and accurate."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from cape.identification.equation import IdentifiedEquation, scaled_coefficients
from cape.identification.product_fit import ProductFit
from cape.identification.samples import Samples
from cape.identification.step import keep_mean, step
from cape.identification.terms import Axes
from cape.problem import Problem

SUBSTEPS = (1, 2, 4, 8, 16, 32)  # of a fit
SAME = 1.2  # relative difference of misfits below which fewer substeps are as good
_ROUNDING = 1e-8  # difference of misfits that means nothing


def with_fewest_substeps(
    equation: IdentifiedEquation, fit: ProductFit, samples: Samples, on: Axes, problem: Problem
) -> IdentifiedEquation | None:
    """Return the equation with the fewest substeps that are stable and as accurate as more, or None.

    Args:
        equation: all terms of the fit, with their coefficients.
        fit: of the equation.
        samples: the data, whose first frames start the rollouts.
        on: the axes.
        problem: of the data.
    """
    x = np.array(equation.coefficients)
    enough = SAME * fit.misfits(x, equation.substeps).mean() + _ROUNDING
    first = np.array([np.flatnonzero(samples.value == v)[0] for v in range(len(samples.values))])
    u = jnp.asarray(samples.u[first, 0], jnp.float32)
    for substeps in [number for number in (*SUBSTEPS, 2 * SUBSTEPS[-1]) if number <= 2 * equation.substeps]:
        if fit.misfits(x, substeps).mean() <= enough and all(
            _stable(
                equation, substeps, size * u, factor * samples.values, samples.u.shape[1] - 1, on, problem
            )
            for factor, size in ((0.5, 1.0), (1.0, 1.0), (2.0, 1.0), (1.0, 1.5))
        ):
            return dataclasses.replace(equation, substeps=substeps)
    return None


def _stable(
    equation: IdentifiedEquation, substeps: int, u, values, steps: int, on: Axes, problem: Problem
) -> bool:
    """Return whether a rollout stays within ten times the size of the initial conditions or of the data."""
    c = scaled_coefficients(equation, jnp.asarray(values, jnp.float32))
    bound = 10 * max(float(jnp.abs(u).max()), 3.0)
    on = dataclasses.replace(on, growth=equation.growth)
    last = rollout(equation.terms, on, problem.conserved, steps, u, c, jnp.int32(substeps))
    return bool(jnp.abs(last).max() <= bound)


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def rollout(terms, on: Axes, conserved: tuple[bool, ...], steps: int, u, c, substeps):
    """Return the frame after `steps` steps of an equation with the coefficients c [batch, term]."""

    def one(_, u):
        return keep_mean(u, step(terms, on, substeps, u, c), conserved)

    return jax.lax.fori_loop(0, steps, one, u)
