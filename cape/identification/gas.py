"""The form of the equations of a gas: which variables they have, and where a fit of them starts.

In a = ln ρ, b = p/ρ and v, the equations of compressible flow have products of two factors only:

    aₜ = −v·∇a − ∇·v
    bₜ = −v·∇b − (γ − 1) b ∇·v + heat of the viscous stress, and conduction
    vₜ = −v·∇v − ∇b − b ∇a + ν (Δv + ∇a·∇v), and the like for bulk viscosity
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cape.datasets.equations.equation import EQUATIONS
from cape.identification.symmetric_terms import SymmetricTerms, symmetric_terms
from cape.identification.terms import WAVE_NUMBER_UNIT, Factor, Term
from cape.identification.variables import LOG, RATIO, SAME, Variable
from cape.problem import Problem

_COMPRESSION = 0.4  # γ − 1 at the start of a fit
_MOST_POINTS = 2**13  # of a grid; a fit on a larger one takes too long
_DIFFUSION = 0.2  # of a cell's square in a time step, for all variables at the start of a fit


class GasForm(NamedTuple):
    """The form of the equations of a gas with given roles of the channels.

    Attributes:
        density, pressure: numbers of these channels.
        vector: the channels of the velocity along each axis.
        groups: the terms.
        start: their coefficients in physical units at the start of a fit.
    """

    density: int
    pressure: int
    vector: tuple[int, ...]
    groups: SymmetricTerms
    start: Float[np.ndarray, " group"]

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables, with standard deviations that are to be set."""
        kinds = [Variable(SAME, 1.0)] * (2 + len(self.vector))
        kinds[self.density] = Variable(LOG, 1.0)
        kinds[self.pressure] = Variable(RATIO, 1.0, over=self.density)
        return tuple(kinds)


def gas_forms(problem: Problem) -> list[GasForm]:
    """Return the forms that the data may have, with either of two positive channels as density.

    There are none unless all axes are periodic and alike, the grid has at most 8192 points, the equation declares a
    vector field with a component for each axis among its symmetries, and there are two other channels, both positive.
    """
    equation = EQUATIONS.parts.get(problem.equation)
    declared = equation.symmetries if equation is not None else None
    names = (declared.isometries if declared is not None else None) or ()
    if len(names) != problem.dimension or not set(names) <= set(problem.channels):
        return []
    vector = tuple(problem.channels.index(name) for name in names)
    others = [number for number in range(len(problem.channels)) if number not in vector]
    positive = [problem.channel_low[number] > 0 for number in others] if problem.channel_low else [False]
    alike = len(set(zip(problem.length, problem.resolution, strict=True))) == 1
    periodic = all(boundary == "periodic" for boundary in problem.boundaries)
    if math.prod(problem.resolution) > _MOST_POINTS or not periodic or not alike:
        return []
    if len(others) != 2 or not all(positive):
        return []
    forms = []
    for density, pressure in (others, others[::-1]):
        terms = list(_terms(density, pressure, vector, problem))
        groups = symmetric_terms([term for term, _ in terms], vector)
        start = np.array([value for _, value in terms])
        forms.append(GasForm(density, pressure, vector, groups, start))
    return forms


def scaled_start(form: GasForm, problem: Problem, stds: list[float]) -> Float[np.ndarray, " group"]:
    """Return the coefficients at the start, for variables divided by `stds` and times by the time step."""
    scaled = []
    for row, value in zip(form.groups.signs, form.start, strict=True):
        term = form.groups.terms[int(np.flatnonzero(row)[0])]
        for factor in term.factors:
            wave = 2 * math.pi * WAVE_NUMBER_UNIT / problem.length[0]
            value *= stds[factor.channel] * wave ** sum(factor.powers)
        scaled.append(value * problem.dt / stds[term.output])
    return np.array(scaled)


def _terms(
    density: int, pressure: int, vector: tuple[int, ...], problem: Problem
) -> Iterator[tuple[Term, float]]:
    """Yield one term of each group, each other group once, with its coefficient at the start."""
    dimension = len(vector)

    def d(channel: int, *axes: int) -> Factor:
        return Factor(channel, tuple(axes.count(axis) for axis in range(dimension)))

    a, b, v, w = density, pressure, vector[0], vector[min(1, dimension - 1)]
    several = dimension > 1
    diffusion = _DIFFUSION * (problem.length[0] / problem.resolution[0]) ** 2 / problem.dt
    for scalar in (a, b):
        yield Term(scalar, (d(v), d(scalar, 0))), -1.0
        yield Term(scalar, (d(scalar, 0, 0),)), diffusion
        yield Term(scalar, (d(scalar, 0, 0, 0, 0),)), 0.0
        yield Term(scalar, (d(a, 0), d(scalar, 0))), 0.0
    yield Term(a, (d(v, 0),), explicit=True), -1.0
    yield Term(a, (d(b, 0, 0),), explicit=True), 0.0
    yield Term(b, (d(a, 0, 0),), explicit=True), 0.0
    yield Term(b, (d(b), d(v, 0))), -_COMPRESSION
    yield Term(b, (d(v, 0), d(v, 0))), 0.0
    yield Term(v, (d(b, 0),), explicit=True), -1.0
    yield Term(v, (d(b), d(a, 0))), -1.0
    yield Term(v, (d(v), d(v, 0))), -1.0
    yield Term(v, (d(v, 0, 0),)), diffusion
    yield Term(v, (d(v, 0, 0, 0, 0),)), 0.0
    yield Term(v, (d(a, 0), d(v, 0))), 0.0
    if several:
        yield Term(b, (d(v, 1), d(v, 1))), 0.0
        yield Term(b, (d(v, 0), d(w, 1))), 0.0
        yield Term(b, (d(v, 1), d(w, 0))), 0.0
        yield Term(v, (d(w), d(v, 1))), -1.0
        yield Term(v, (d(v, 1, 1),)), diffusion
        yield Term(v, (d(v, 1, 1, 1, 1),)), 0.0
        yield Term(v, (d(w, 0, 1),), explicit=True), 0.0
        yield Term(v, (d(a, 1), d(v, 1))), 0.0
        yield Term(v, (d(a, 0), d(w, 1))), 0.0
        yield Term(v, (d(a, 1), d(w, 0))), 0.0
