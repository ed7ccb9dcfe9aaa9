"""The equation that was identified in the training data of a surrogate."""

import dataclasses
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.identification.parameter_basis import basis_functions
from cape.identification.step import keep_mean, step, substeps_on_grid
from cape.identification.terms import Term, axes_of
from cape.identification.variables import Variable, check_variables, from_variables, to_variables
from cape.problem import Problem
from cape.solvers.layers.divided_space import mean_over_space, whole_grid

_LARGEST_CHANGE = 10.0  # of a step, over the root mean square of the fields in standard deviations


@dataclasses.dataclass(frozen=True)
class IdentifiedEquation:
    """An equation u_t = L(p) u + products, found in the training data (see `identify`).

    All coefficients are linear in functions of the parameters, which are divided by the largest trained magnitudes.
    Channels are divided by their standard deviations, and times by the time step.

    Attributes:
        basis: name of the functions of the parameters, see `basis_functions`.
        terms: the linear terms and the products.
        coefficients: [term][function], dimensionless.
        substeps: number of Runge-Kutta steps in a time step.
        misfit: mean square error of one step over that of persistence, the largest of all trained values. Values
            inside the range are left out of the fit that predicts them.
        error: root mean square error of one step in each channel, in standard deviations of the channel.
        growth: largest growth of a mode in a time step at any parameters, as a logarithm.
        odd: which channels are zero at the walls, see `Axes`.
        variables: what u stands for in the equation, one for each channel; none: the channels themselves.
        conserved_products: pairs of channels whose product conserves its mean over space, such as density and a
            velocity. The second one is shifted for that.
    """

    basis: str
    terms: tuple[Term, ...]
    coefficients: tuple[tuple[float, ...], ...]
    substeps: int
    misfit: float
    error: tuple[float, ...]
    growth: float
    odd: tuple[bool, ...] = ()
    variables: tuple[Variable, ...] = ()
    conserved_products: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(
        cls,
        basis: str,
        terms: Sequence[Term],
        x: Float[np.ndarray, "term function"],
        substeps: int,
        misfit: float,
    ) -> "IdentifiedEquation":
        """Make an equation of the terms with a coefficient other than zero; its error and growth are to be set."""
        used = [int(number) for number in np.flatnonzero(np.any(x != 0, 1))]
        rows = tuple(tuple(float(c) for c in x[number]) for number in used)
        return cls(basis, tuple(terms[number] for number in used), rows, substeps, float(misfit), (), 0.0)

    def check(self, problem: Problem) -> None:
        """Raise ValueError unless terms, coefficients and errors fit each other and the problem."""
        channels, dimension = len(problem.channels), problem.dimension
        functions = basis_functions(self.basis, np.ones((1, len(problem.parameters)))).shape[1]
        fits = (
            len(self.coefficients) == len(self.terms) and len(self.error) == channels and self.substeps >= 1
        )
        fits &= len(self.odd) in (0, channels)
        fits &= all(len(row) == functions for row in self.coefficients)
        fits &= check_variables(self.variables, channels)
        fits &= all(0 <= c < channels for pair in self.conserved_products for c in pair)
        for term in self.terms:
            fits &= 0 <= term.output < channels and len(term.wave) in (0, dimension)
            fits &= bool(term.factors) or len(term.wave) == dimension
            for factor in term.factors:
                fits &= 0 <= factor.channel < channels and len(factor.powers) == dimension
                fits &= min(factor.powers, default=0) >= 0
        numbers = [self.growth, *self.error, *(c for row in self.coefficients for c in row)]
        if not fits or not all(math.isfinite(number) for number in numbers):
            raise ValueError(
                "equation: terms, coefficients or errors do not fit the problem, or are not finite"
            )


@jax.default_matmul_precision("highest")
def coefficients(
    equation: IdentifiedEquation, problem: Problem, p: Float[Array, "batch parameter"]
) -> Float[Array, "batch term"]:
    """Compute the coefficients of all terms at parameters in physical units."""
    largest = np.abs(problem.scale).max(0)
    return scaled_coefficients(equation, p / jnp.asarray(np.where(largest == 0, 1.0, largest), p.dtype)[None])


def scaled_coefficients(
    equation: IdentifiedEquation, scaled: Float[Array, "batch parameter"]
) -> Float[Array, "batch term"]:
    """Compute the coefficients of all terms at parameters divided by their largest trained magnitudes."""
    return basis_functions(equation.basis, scaled) @ jnp.asarray(equation.coefficients, scaled.dtype).T


@jax.default_matmul_precision("highest")
def advance(
    equation: IdentifiedEquation,
    problem: Problem,
    u: Float[Array, "batch *space channel"],
    c: Float[Array, "batch term"],
    *,
    scheme: Callable[..., Array] = step,
    conserved: tuple[bool, ...] | None = None,
    substeps: int | Array | None = None,
) -> Float[Array, "batch *space channel"]:
    """Advance u, in physical units, by one time step of the equation with the coefficients `c`.

    A sample whose step is not finite, or changes it by more than ten times its size, is returned as it is: the scheme
    is unstable there, and the network has to predict the whole step.

    Args:
        equation: its terms, variables and growth.
        problem: of the data.
        u: the fields.
        c: dimensionless coefficients of the terms.
        scheme: integrates a time step, with the arguments of `step`.
        conserved: which channels keep their mean over space; None: those of the problem.
        substeps: of the time step on the trained grid; None: those of the equation. Finer grids take more.
    """
    std = jnp.asarray(problem.channel_std, u.dtype).reshape((1,) * (u.ndim - 1) + (-1,))
    on = axes_of(problem.boundaries, problem.resolution, equation.odd)
    on = dataclasses.replace(on, growth=equation.growth)
    number = equation.substeps if substeps is None else substeps
    number = substeps_on_grid(number, whole_grid(u.shape[1:-1]), problem.resolution)
    v = scheme(equation.terms, on, number, to_variables(equation.variables, problem, u), c)
    kept = problem.conserved if conserved is None else conserved
    after = keep_mean(u, from_variables(equation.variables, problem, v), kept)
    after = keep_products(u, after, equation.conserved_products)
    axes = tuple(range(1, u.ndim))
    size, change = (mean_over_space(jnp.square(a / std).mean(axes, keepdims=True)) for a in (u, after - u))
    return jnp.where(change <= _LARGEST_CHANGE**2 * (size + 1.0), after, u)


def corrected_step(
    equation: IdentifiedEquation,
    advanced: Float[Array, "batch *space channel"],
    following: Float[Array, "batch *space channel"],
) -> Float[Array, "batch *space channel"]:
    """Return a step of the equation with the network's change of it, which is in units of the equation's errors."""
    error = jnp.asarray(equation.error, advanced.dtype).reshape((1,) * (advanced.ndim - 1) + (-1,))
    following = advanced + error * (following - advanced)
    return keep_products(advanced, following, equation.conserved_products)


def keep_products(
    before: Float[Array, "batch *space channel"],
    after: Float[Array, "batch *space channel"],
    pairs: tuple[tuple[int, int], ...],
) -> Float[Array, "batch *space channel"]:
    """Shift the second channel of each pair so that the mean of the product stays what it was before."""
    axes = tuple(range(1, before.ndim - 1))
    for weight, channel in pairs:
        change = before[..., weight] * before[..., channel] - after[..., weight] * after[..., channel]
        change, density = (mean_over_space(a.mean(axes, keepdims=True)) for a in (change, after[..., weight]))
        after = after.at[..., channel].add(jnp.broadcast_to(change / density, after.shape[:-1]))
    return after
