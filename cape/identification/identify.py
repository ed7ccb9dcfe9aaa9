"""Identify the equation of trajectories, if it is of a known form."""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cape.datasets.trajectories import Trajectories
from cape.identification.collocation import estimate
from cape.identification.equation import IdentifiedEquation
from cape.identification.linear_fit import LinearFit, ModeStatistics, mode_statistics
from cape.identification.parameter_basis import BASES, OF_POSITIVE_VALUES, BasisName, basis_functions
from cape.identification.product_fit import Pairs, ProductFit
from cape.identification.samples import Samples, read_samples
from cape.identification.step import keep_mean, step
from cape.identification.terms import Axes, Term, axes_of, force_terms, linear_terms, product_terms
from cape.problem import Problem

_FOLDS = 4
_LINEAR, _GOOD, _ACCEPTED = 1e-2, 3e-2, 0.1  # misfits: of a linear equation, good enough, and just accepted
_TRUSTED = 0.3  # misfit of a first estimate that a fit may start from
_MOST_TERMS = 200  # of the library; equations of more channels are not looked for
_MOST_COEFFICIENTS = 60  # of a fit of all terms at once
_SUBSTEPS = (1, 2, 4, 8, 16, 32)  # the fit of a small library uses the last number
_FEWER_SUBSTEPS = 8  # of the fit of a large one
_ELIMINATIONS = 2
_MORE_GROWTH = 0.1  # of a mode in a time step, as a logarithm
_SMALLEST_ERROR = 1e-4  # of a standard deviation, or of a change
_SAME = 1.2  # relative difference of misfits below which fewer substeps are as good


def identify(trajectories: Trajectories, problem: Problem) -> IdentifiedEquation | None:
    """Return the equation that explains steps at parameter values left out of its fit, or None.

    Linear equations with constant coefficients are found exactly, from statistics of the Fourier modes. For others, a
    library of products and forces is fitted to pairs of frames, and what is not needed is eliminated. Coefficients are
    linear in functions of the parameters. The functions are those that predict the left-out values best.

    Reads at most 256 MB of the trajectories.
    """
    if trajectories.frames < 3 or not problem.parameters:
        return None
    channels, periodic = len(problem.channels), [boundary == "periodic" for boundary in problem.boundaries]
    if len(linear_terms(channels, periodic)) + len(product_terms(channels, periodic)) > _MOST_TERMS:
        return None
    samples = read_samples(trajectories, problem)
    on = axes_of(problem.boundaries, problem.resolution)
    candidates = [_linear(samples, on, problem, name) for name in _bases(samples)]
    best = min((c for c in candidates if c is not None), key=lambda c: c.misfit, default=None)
    if best is None or best.misfit > _LINEAR:
        for name in _bases(samples):
            candidate = _with_products(samples, on, problem, name)
            if candidate is not None and (best is None or candidate.misfit < best.misfit):
                best = candidate
            if best is not None and best.misfit <= _GOOD:
                break
    if best is None or best.misfit > _ACCEPTED:
        return None
    return dataclasses.replace(best, error=_error(best, samples, on, problem))


def _bases(samples: Samples) -> list[BasisName]:
    """Return the bases that have fewer functions than there are values, so that values can be left out."""
    positive = (samples.values > 0).all()
    return [
        name
        for name in BASES
        if (positive or name not in OF_POSITIVE_VALUES)
        and _functions(name, samples.values).shape[1] < len(samples.values)
    ]


def _functions(
    name: BasisName, values: Float[np.ndarray, "value parameter"]
) -> Float[np.ndarray, "value function"]:
    return basis_functions(name, values)


def _folds(count: int) -> list[np.ndarray]:
    """Return the numbers of the values that are left out together. The first and the last value stay in the fit."""
    inner = np.arange(1, count - 1)
    return [fold for fold in (inner[start::_FOLDS] for start in range(_FOLDS)) if len(fold)]


def _linear(samples: Samples, on: Axes, problem: Problem, name: BasisName) -> IdentifiedEquation | None:
    groups = [samples.u[samples.value == v] for v in range(len(samples.values))]
    statistics, functions = mode_statistics(groups, on), _functions(name, samples.values)
    terms = linear_terms(len(problem.channels), on.periodic)
    fit = LinearFit(statistics, terms, functions)
    x = fit.solve()
    if not fit.misfit(x).max() <= _ACCEPTED:
        return None
    free = fit.without_negligible(x)
    x = fit.solve(x, free)
    misfits = fit.misfit(x)
    for left_out in _folds(len(functions)):
        rest = np.setdiff1d(np.arange(len(functions)), left_out)
        part = ModeStatistics(statistics.waves, *(a[rest] for a in statistics[1:]))
        misfits[left_out] = fit.misfit(LinearFit(part, terms, functions[rest]).solve(x, free))[left_out]
    kept = np.flatnonzero(free.any(1))
    used = [terms[number] for number in kept]
    equation = _equation(name, used, x[kept], 1, float(misfits.max()), on)
    return dataclasses.replace(equation, growth=_growth(equation, samples, on))


def _with_products(
    samples: Samples, on: Axes, problem: Problem, name: BasisName
) -> IdentifiedEquation | None:
    functions = _functions(name, samples.values)
    triples, value, weight = samples.draw(3)
    terms = [
        *linear_terms(len(problem.channels), on.periodic),
        *product_terms(len(problem.channels), on.periodic),
    ]
    forces = force_terms(len(problem.channels), on.periodic)
    needed, x, misfit = estimate(triples, functions[value], weight, [*terms, *forces], on)
    if len(terms) * functions.shape[1] <= _MOST_COEFFICIENTS:
        found = [term for term in needed if term in forces] if misfit < _TRUSTED else []
        needed = (*terms, *found)
        x, substeps = np.zeros((len(needed), functions.shape[1])), _SUBSTEPS[-1]
        free = np.ones(x.shape, bool)
    else:
        free, substeps = x != 0, _FEWER_SUBSTEPS
    if not needed:
        return None
    frames, value, weight = samples.draw(2)
    pairs = Pairs(frames[:, 0], frames[:, 1], functions[value], weight, value)
    fit, everything = ProductFit(pairs, needed, on, problem.conserved), np.ones(len(value), bool)
    x = fit.solve(x, free, substeps, everything)
    for _ in range(_ELIMINATIONS):
        x, free = fit.without_negligible(x, free, substeps, everything)
        x = fit.solve(x, free, substeps, everything)
    if not fit.misfits(x, substeps).mean() <= _ACCEPTED:
        return None
    errors = fit.misfits(x, substeps)
    misfits = np.array([errors[value == v].mean() for v in range(len(functions))])
    for left_out in _folds(len(functions)):
        outside = np.isin(value, left_out)
        errors = fit.misfits(fit.solve(x, free, substeps, ~outside), substeps)
        misfits[left_out] = [errors[value == v].mean() for v in left_out]
    kept = np.flatnonzero(free.any(1))
    used = [needed[number] for number in kept]
    equation = _equation(name, used, x[kept], substeps, float(misfits.max()), on)
    equation = dataclasses.replace(equation, growth=_growth(equation, samples, on))
    return _with_fewest_substeps(equation, fit, x, samples, on, problem)


def _with_fewest_substeps(equation, fit: ProductFit, x, samples: Samples, on: Axes, problem: Problem):
    """Return the equation with the fewest substeps that are stable and as accurate as more, or None."""
    enough = _SAME * fit.misfits(x, equation.substeps).mean() + _SMALLEST_ERROR**2
    first = np.array([np.flatnonzero(samples.value == v)[0] for v in range(len(samples.values))])
    u = jnp.asarray(samples.u[first, 0], jnp.float32)
    for substeps in [number for number in _SUBSTEPS if number <= equation.substeps]:
        if fit.misfits(x, substeps).mean() <= enough and all(
            _stable(
                equation, substeps, size * u, factor * samples.values, samples.u.shape[1] - 1, on, problem
            )
            for factor, size in ((0.5, 1.0), (1.0, 1.0), (2.0, 1.0), (1.0, 1.5))
        ):
            return dataclasses.replace(equation, substeps=substeps)
    return None


def _stable(equation, substeps: int, u, values, steps: int, on: Axes, problem: Problem) -> bool:
    """Return whether a rollout stays within ten times the size of the initial conditions or of the data."""
    c = jnp.asarray(_functions(equation.basis, values) @ np.array(equation.coefficients).T, jnp.float32)
    bound = 10 * max(float(jnp.abs(u).max()), 3.0)
    on = dataclasses.replace(on, growth=equation.growth)
    last = _rollout(equation.terms, on, problem.conserved, steps, u, c, jnp.int32(substeps))
    return bool(jnp.abs(last).max() <= bound)


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _rollout(terms, on, conserved, steps: int, u, c, substeps):
    def one(_, u):
        return keep_mean(u, step(terms, on, substeps, u, c), conserved)

    return jax.lax.fori_loop(0, steps, one, u)


def _growth(equation: IdentifiedEquation, samples: Samples, on: Axes) -> float:
    """Return a bound of the growth of modes: twice the largest growth at the trained values, and some more."""
    linear = [(t, c) for t, c in zip(equation.terms, equation.coefficients, strict=True) if t.linear]
    if not linear:
        return _MORE_GROWTH
    groups = [samples.u[samples.value == v] for v in range(len(samples.values))]
    terms, rows = zip(*linear, strict=True)
    fit = LinearFit(mode_statistics(groups, on), terms, _functions(equation.basis, samples.values))
    return 2 * max(fit.growth(np.array(rows)), 0.0) + _MORE_GROWTH


def _error(equation: IdentifiedEquation, samples: Samples, on: Axes, problem: Problem) -> tuple[float, ...]:
    """Return the root mean square error of a step in each channel."""
    frames, value, _ = samples.draw(2)
    c = jnp.asarray(
        _functions(equation.basis, samples.values) @ np.array(equation.coefficients).T, jnp.float32
    )
    u, substeps = jnp.asarray(frames[:, 0], jnp.float32), jnp.int32(equation.substeps)
    after = _rollout(equation.terms, on, problem.conserved, 1, u, c[value], substeps)
    squares = (np.asarray(after) - frames[:, 1]) ** 2
    errors = np.sqrt(squares.reshape(-1, squares.shape[-1]).mean(0))
    return tuple(float(e) for e in np.clip(errors, _SMALLEST_ERROR, 1.0))


def _equation(
    name: BasisName,
    terms: Sequence[Term],
    x: Float[np.ndarray, "term function"],
    substeps: int,
    misfit: float,
    on: Axes,
) -> IdentifiedEquation:
    return IdentifiedEquation(
        name, tuple(terms), tuple(tuple(float(c) for c in row) for row in x), substeps, misfit, (), on.growth
    )
