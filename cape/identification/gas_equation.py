"""The equation of a gas, from a fit to pairs of frames in variables in which it has products of two factors only."""

import dataclasses
import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from cape.identification.equation import IdentifiedEquation
from cape.identification.gas import GasForm, scaled_start
from cape.identification.growth import growth_bound
from cape.identification.left_out import bases, misfits_of_values
from cape.identification.linear_fit import mode_statistics
from cape.identification.parameter_basis import basis_functions
from cape.identification.product_fit import Pairs, ProductFit
from cape.identification.samples import Samples
from cape.identification.stability import SAME, SUBSTEPS, with_fewest_substeps
from cape.identification.terms import Axes
from cape.identification.variables import Variable, to_variables, with_deviations
from cape.problem import Problem

_PROMISING = 1.0  # misfit of a start that a fit is tried from
_MANY_POINTS = 2**11  # of a grid, from which a fit takes fewer pairs
_ENOUGH = 2e-2  # expected relative decrease of the misfit below which a fit ends: its derivatives are costly
_LARGEST_DRIFT = 5e-3  # of the momentum's standard deviation: a mean that moves less is conserved


def gas_equation(
    forms: Sequence[GasForm], samples: Samples, on: Axes, problem: Problem
) -> IdentifiedEquation | None:
    """Return the equation of a gas that explains the samples, or None if there is none.

    Args:
        forms: that it may have, see `gas_forms`.
        samples: frames of the channels, over their standard deviations.
        on: the axes.
        problem: of the data.
    """
    names = bases(samples.values)
    starts = [_Start.of(form, samples, on, problem, names[0]) for form in forms if names]
    best = min(starts, key=lambda start: start.misfit, default=None)
    return None if best is None or not best.misfit < _PROMISING else best.fitted()


@dataclasses.dataclass(frozen=True)
class _Start:
    """A fit that begins: its form, the samples in its variables, and what it begins with."""

    form: GasForm
    variables: tuple[Variable, ...]
    conserved_products: tuple[tuple[int, int], ...]
    samples: Samples
    on: Axes
    problem: Problem
    basis: str
    pairs: Pairs
    x: np.ndarray
    substeps: int
    misfit: float

    @classmethod
    def of(cls, form: GasForm, samples: Samples, on: Axes, problem: Problem, basis: str) -> "_Start":
        u = samples.u * np.asarray(problem.channel_std)
        variables = _of_one_velocity(
            with_deviations(form.variables, problem, u.reshape(-1, *u.shape[2:])), form
        )
        u = np.asarray(to_variables(variables, problem, jnp.asarray(u, jnp.float32)), np.float64)
        products = _conserved_products(form, samples)
        samples = samples._replace(u=u)
        problem = dataclasses.replace(problem, channel_drift=())  # the means of the variables change
        functions = basis_functions(basis, samples.values)
        frames, value, weight = samples.draw(2)
        pairs = Pairs(frames[:, 0], frames[:, 1], functions[value], weight, value)
        if math.prod(problem.resolution) > _MANY_POINTS:
            pairs = pairs.every_third
        x = np.zeros((len(form.groups.signs), functions.shape[1]))
        x[:, 0] = scaled_start(form, problem, [variable.std for variable in variables])
        fit = ProductFit(pairs, form.groups.terms, on, problem.conserved, form.groups.signs, _ENOUGH)
        found = {substeps: fit.misfits(x, substeps).mean() for substeps in SUBSTEPS[2:]}
        least = min(found.values())
        substeps = next((n for n, misfit in found.items() if misfit <= SAME * least), SUBSTEPS[-1])
        return cls(form, variables, products, samples, on, problem, basis, pairs, x, substeps, least)

    def fitted(self) -> IdentifiedEquation | None:
        """Fit all coefficients, eliminate what is not needed, and test at values that were left out."""
        groups = self.form.groups
        fit = ProductFit(self.pairs, groups.terms, self.on, self.problem.conserved, groups.signs, _ENOUGH)
        every, free = np.ones(len(self.pairs.value), bool), np.ones(self.x.shape, bool)
        x = fit.solve(self._from_few_pairs(free), free, self.substeps, every)
        x, free = fit.without_negligible(x, free, self.substeps, every)
        return self._tested(fit, x, free & ~self._growing(x))

    def _tested(self, fit: ProductFit, x: np.ndarray, free: np.ndarray) -> IdentifiedEquation | None:
        """Fit the free coefficients anew, all others being zero, and return the equation if it is stable."""
        terms = self.form.groups.terms
        x = fit.solve(np.where(free, x, 0.0), free, self.substeps, np.ones(len(self.pairs.value), bool))
        misfits = self._misfits(fit, x, free)
        equation = IdentifiedEquation.of(
            self.basis, terms, self.form.groups.signs.T @ x, self.substeps, misfits.max()
        )
        groups = [self.samples.u[self.samples.value == v] for v in range(len(self.samples.values))]
        growth = growth_bound(equation, mode_statistics(groups, self.on), self.samples.values)
        equation = dataclasses.replace(
            equation, growth=growth, variables=self.variables, conserved_products=self.conserved_products
        )
        plain = ProductFit(self.pairs, equation.terms, self.on, self.problem.conserved)
        return with_fewest_substeps(equation, plain, self.samples, self.on, self.problem)

    def _growing(self, x: np.ndarray) -> np.ndarray:
        """Return which coefficients of fourth derivatives let short waves grow.

        Finite differences of a viscous term have such an error. It would make products of short waves unstable.
        """
        groups = self.form.groups
        first = [groups.terms[int(np.flatnonzero(row)[0])] for row in groups.signs]
        fourth = np.array([term.linear and sum(term.factors[0].powers) == 4 for term in first])
        return fourth[:, None] & (x > 0)

    def _from_few_pairs(self, free: np.ndarray) -> np.ndarray:
        """Return the coefficients of a fit to a third of the pairs, which costs a third."""
        few, groups = self.pairs.every_third, self.form.groups
        fit = ProductFit(few, groups.terms, self.on, self.problem.conserved, groups.signs, _ENOUGH)
        return fit.solve(self.x, free, self.substeps, np.ones(len(few.value), bool))

    def _misfits(self, fit: ProductFit, x: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Return the misfit at each value; those inside the range are left out of the fit that predicts them."""

        def without(included: np.ndarray) -> np.ndarray:
            return fit.misfits(fit.refitted(x, free, self.substeps, included), self.substeps)

        return misfits_of_values(fit.misfits(x, self.substeps), self.pairs.value, without)


def _of_one_velocity(variables: tuple[Variable, ...], form: GasForm) -> tuple[Variable, ...]:
    """Give all components of the velocity the same standard deviation, so that the terms stay symmetric."""
    std = float(np.sqrt(np.mean([variables[channel].std ** 2 for channel in form.vector])))
    return tuple(
        dataclasses.replace(variable, std=std) if number in form.vector else variable
        for number, variable in enumerate(variables)
    )


def _conserved_products(form: GasForm, samples: Samples) -> tuple[tuple[int, int], ...]:
    """Return density and each component of the velocity, if the data conserve the mean of their product."""
    axes = tuple(range(2, samples.u.ndim - 1))
    density = samples.u[..., form.density]
    pairs = []
    for channel in form.vector:
        momentum = density * samples.u[..., channel]
        total = momentum.mean(axes)
        drift = np.sqrt(((total - total[:, :1]) ** 2).mean())
        if drift <= _LARGEST_DRIFT * momentum.std():
            pairs.append((form.density, channel))
    return tuple(pairs)
