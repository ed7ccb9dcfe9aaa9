"""The equation that the network of a surrogate has learnt, from its own steps at the trained parameter values."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cape.identification.elimination import eliminate
from cape.identification.equation import IdentifiedEquation
from cape.identification.growth import growth_bound
from cape.identification.linear_fit import mode_statistics
from cape.identification.parameter_basis import CONSTANT, basis_functions
from cape.identification.product_fit import Pairs, ProductFit
from cape.identification.terms import axes_of, library
from cape.problem import Problem
from cape.surrogate import Surrogate

_FIELDS, _STEPS, _EACH = 12, 8, 16  # random fields, steps of their rollouts, and pairs of each value
_MOST_VALUES, _MOST_COEFFICIENTS = 12, 60
_SUBSTEPS = 32
_NEGLIGIBLE, _SMALLEST = (
    0.1,
    1e-3,
)  # increase of the misfit that the removal of a term may cause, relative and absolute
_GOOD, _ACCEPTED = 0.005, 0.1  # mean misfits
_SIZES = ((0.25, 0.75), (0.1, 0.4), (0.5, 1.5))  # of the fields, over the given ones, in each attempt


def learnt_equation(
    surrogate: Surrogate, first: Float[np.ndarray, "trajectory *space channel"], seed: int
) -> IdentifiedEquation | None:
    """Return the equation that explains the steps of a surrogate at its trained values, or None.

    Rollouts start from random fields with the spectrum of given ones. All terms of the library of `identify` are fitted
    to their steps, with coefficients that are linear in the parameters. Then those that are not needed are eliminated.

    Args:
        first: fields like those that the equation is for.
        seed: of the random fields.
    """
    problem = surrogate.problem
    on = axes_of(problem.boundaries, problem.resolution)
    terms = tuple(library(len(problem.channels), on.periodic))
    values = _trained_values(problem)
    scaled = values / np.where((largest := np.abs(problem.scale).max(0)) == 0, 1.0, largest)
    basis = "linear" if len(values) > values.shape[1] else CONSTANT
    functions = basis_functions(basis, scaled)
    if len(terms) * functions.shape[1] > _MOST_COEFFICIENTS:
        return None
    best, least = None, _ACCEPTED
    for attempt, sizes in enumerate(_SIZES):
        random = np.random.default_rng([seed, attempt])
        frames = _rollouts(surrogate, random_fields(problem, first, sizes, random), values)
        if not np.isfinite(frames).all():
            continue
        fit, x = _fitted(frames, functions, terms, problem, random)
        found = float(fit.misfits(x, _SUBSTEPS).mean())
        if found < least:
            best, least = IdentifiedEquation.of(basis, fit.form.terms, x, _SUBSTEPS, found), found
            statistics = mode_statistics(list(frames.astype(np.float64)), on)
            best = dataclasses.replace(best, growth=growth_bound(best, statistics, scaled))
        if found < _GOOD:
            break
    return best and dataclasses.replace(best, error=(float(np.sqrt(least)),) * len(problem.channels))


def random_fields(
    problem: Problem,
    like: Float[np.ndarray, "trajectory *space channel"],
    sizes: tuple[float, float],
    random: np.random.Generator,
) -> Float[np.ndarray, "field *space channel"]:
    """Draw normally distributed fields with the spectrum of given ones, times a factor between two sizes."""
    axes, grid = tuple(range(1, like.ndim - 1)), like.shape[1:-1]
    mirror = [axis for axis, b in zip(axes, problem.boundaries, strict=True) if b != "periodic"]
    whole = like
    for axis in mirror:
        whole = np.concatenate([whole, np.flip(whole, axis)], axis)
    size = np.sqrt((np.abs(np.fft.rfftn(whole, axes=axes)) ** 2).mean(0))
    noise = random.standard_normal((_FIELDS, *whole.shape[1:]))
    for axis in mirror:
        noise = (noise + np.flip(noise, axis)) / np.sqrt(2)
    modes = np.fft.rfftn(noise, axes=axes) / np.sqrt(np.prod(whole.shape[1:-1]))
    fields = np.fft.irfftn(modes * size, whole.shape[1:-1], axes)
    fields = fields[(slice(None), *(slice(n) for n in grid))]
    amplitude = random.uniform(*sizes, (_FIELDS,) + (1,) * (like.ndim - 1))
    return (amplitude * fields).astype(np.float32)


def _trained_values(problem: Problem) -> np.ndarray:
    """Return at most twelve of the trained vectors."""
    values = problem.training_values
    chosen = np.linspace(0, len(values) - 1, min(len(values), _MOST_VALUES)).round().astype(int)
    return values[chosen]


def _rollouts(
    surrogate: Surrogate, first: np.ndarray, values: np.ndarray
) -> Float[np.ndarray, "value field time *space channel"]:
    """Return the rollouts of all fields at every value, all channels of standard deviation 1."""
    p = np.repeat(values, len(first), 0).astype(np.float32)
    start = np.tile(first, (len(values),) + (1,) * (first.ndim - 1))
    after = np.asarray(surrogate.rollout(start, jnp.asarray(p), _STEPS))
    frames = np.concatenate([start[:, None], after], 1) / np.asarray(surrogate.problem.channel_std)
    return frames.reshape(len(values), len(first), *frames.shape[1:])


def _fitted(frames, functions, terms, problem: Problem, random) -> tuple[ProductFit, np.ndarray]:
    """Fit the coefficients of all terms, and eliminate what is not needed."""
    pairs = _pairs(frames, functions, random)
    on = axes_of(problem.boundaries, problem.resolution)
    every = np.ones(len(pairs.value), bool)
    x = np.zeros((len(terms), functions.shape[1]))
    free = np.ones(x.shape, bool)
    for _ in range(2):
        fit = ProductFit(pairs, terms, on, problem.conserved)
        x = fit.solve(x, free, _SUBSTEPS, every)
        least, _, hessian = fit.normal_equations(x, _SUBSTEPS, every)
        if not np.isfinite(least):
            break
        y, kept = eliminate(x, free, hessian, max(_NEGLIGIBLE * least, _SMALLEST))
        rows = np.flatnonzero(kept.any(1))
        if not len(rows):
            break
        terms = tuple(terms[row] for row in rows)
        x, free = y[rows], kept[rows]
    fit = ProductFit(pairs, terms, on, problem.conserved)
    return fit, fit.solve(x, free, _SUBSTEPS, every)


def _pairs(frames, functions, random) -> Pairs:
    """Draw pairs of every value. Times at which fields change much are drawn more often."""
    before, after, weight = [], [], []
    for of_value in frames:
        change = (np.diff(of_value, axis=1) ** 2).mean((0, *range(2, of_value.ndim)))
        likely = 0.3 / len(change) + 0.7 * change / max(change.sum(), 1e-30)
        time = random.choice(len(change), _EACH, p=likely / likely.sum())
        field = random.integers(len(of_value), size=_EACH)
        before.append(of_value[field, time])
        after.append(of_value[field, time + 1])
        weight.append(1 / max(np.sqrt(((after[-1] - before[-1]) ** 2).mean()), 1e-6))
    number = np.repeat(np.arange(len(frames)), _EACH)
    return Pairs(
        np.concatenate(before), np.concatenate(after), functions[number], np.repeat(weight, _EACH), number
    )
