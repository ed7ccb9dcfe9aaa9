"""Identify the equation of trajectories, if it is of a known form."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cape.datasets.trajectories import Trajectories
from cape.identification.equation import IdentifiedEquation, advance, scaled_coefficients
from cape.identification.first_estimate import first_estimates
from cape.identification.gas import gas_forms
from cape.identification.gas_equation import gas_equation
from cape.identification.left_out import bases
from cape.identification.linear_equation import linear_equation
from cape.identification.linear_fit import ModeStatistics, mode_statistics
from cape.identification.product_equation import product_equation
from cape.identification.samples import Samples, read_samples
from cape.identification.terms import Axes, axes_of, library
from cape.identification.walls import zero_at_walls
from cape.problem import Problem

_LINEAR, _GOOD = 1e-2, 5e-2  # misfits of a linear equation, and of one that is good enough
_ACCEPTED = 0.1  # misfit at every parameter value
_MOST_TERMS = 200  # of the library; equations of more channels are not looked for
_MOST_FITS = 2  # of equations with products
_ALIKE = 2.0  # ratio of misfits up to which the simpler linear equation is preferred
_SMALLEST_ERROR = 1e-5  # of a step, in standard deviations


@jax.default_matmul_precision("highest")
def identify(trajectories: Trajectories, problem: Problem) -> IdentifiedEquation | None:
    """Return the equation that explains steps at parameter values left out of its fit, or None.

    Linear equations with constant coefficients are found exactly, from statistics of the Fourier modes. For others, a
    library of products and forces is fitted to pairs of frames, and what is not needed is eliminated. Coefficients are
    linear in functions of the parameters. The functions are those that predict the left-out values best. The library is
    too large for flows of a gas. They have a library of their own, in other variables (`gas_equation`).

    Reads at most 256 MB of the trajectories.
    """
    periodic = [boundary == "periodic" for boundary in problem.boundaries]
    forms, small = gas_forms(problem), len(library(len(problem.channels), periodic)) <= _MOST_TERMS
    if trajectories.frames < 3 or not (forms or small):
        return None
    samples = read_samples(trajectories, problem)
    best = gas_equation(forms, samples, axes_of(problem.boundaries, problem.resolution), problem)
    if small and (best is None or best.misfit > _ACCEPTED):
        best = _of_library(samples, periodic, problem)
    if best is None or best.misfit > _ACCEPTED:
        return None
    return dataclasses.replace(best, error=_error(best, samples, problem))


def _of_library(samples: Samples, periodic: Sequence[bool], problem: Problem) -> IdentifiedEquation | None:
    """Return the best equation with terms of the library."""
    on = axes_of(problem.boundaries, problem.resolution, zero_at_walls(samples.u, periodic))
    groups = [samples.u[samples.value == v] for v in range(len(samples.values))]
    statistics = mode_statistics(groups, on)
    best = _best_linear(statistics, samples.values, on, len(problem.channels))
    if best is None or best.misfit > _LINEAR:
        for start in first_estimates(samples, on, problem)[:_MOST_FITS]:
            candidate = product_equation(samples, statistics, on, problem, start)
            if candidate is not None and (best is None or candidate.misfit < best.misfit):
                best = candidate
            if best is not None and best.misfit <= _GOOD:
                break
    return None if best is None else dataclasses.replace(best, odd=on.odd)


def _best_linear(
    statistics: ModeStatistics, values: Float[np.ndarray, "value parameter"], on: Axes, channels: int
) -> IdentifiedEquation | None:
    """Return the linear equation with the least misfit; of several that are alike, the one with the fewest numbers."""
    found = [linear_equation(statistics, values, on, channels, basis) for basis in bases(values)]
    known = [equation for equation in found if equation is not None]
    least = min((equation.misfit for equation in known), default=0.0)
    alike = [equation for equation in known if equation.misfit <= _ALIKE * least]
    return min(alike, key=lambda equation: np.count_nonzero(equation.coefficients), default=None)


def _error(equation: IdentifiedEquation, samples: Samples, problem: Problem) -> tuple[float, ...]:
    """Return the root mean square error of a step in each channel, in standard deviations."""
    frames, value, _ = samples.draw(2)
    std = np.asarray(problem.channel_std)
    c = scaled_coefficients(equation, jnp.asarray(samples.values, jnp.float32))[value]
    after = advance(equation, problem, jnp.asarray(frames[:, 0] * std, jnp.float32), c)
    squares = (np.asarray(after) / std - frames[:, 1]) ** 2
    errors = np.sqrt(squares.reshape(-1, len(std)).mean(0))
    return tuple(float(e) for e in np.clip(errors, _SMALLEST_ERROR, 1.0))
