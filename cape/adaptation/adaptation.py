"""What an adapted surrogate knows of its new regime, and its step there."""

import dataclasses
import math
from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from cape.adaptation.bands import BANDS, blend
from cape.adaptation.conservative_step import applies, conservative_step
from cape.identification.equation import IdentifiedEquation, advance, coefficients
from cape.identification.step import step
from cape.problem import Problem
from cape.uncertainty.position import positions

SPECTRAL, CONSERVATIVE = "spectral", "conservative"
Field = Float[Array, "batch *space channel"]


@dataclasses.dataclass(frozen=True)
class Adaptation:
    """The regime that a surrogate was adapted to. It is plain numbers, kept in config.json.

    In the regime, a step is that of an equation plus a share of the network's correction, one for each octave of wave
    numbers: u(t + Δt) = E(u) + share · (N(E(u)) − E(u)). Without an equation in the original surrogate, N is its step.

    Attributes:
        values: the parameter vectors of the few trajectories.
        trained: those of the original training; empty: anything from `low` to `high`.
        low, high: the trained range of the original, on which its network depends.
        everywhere: the regime holds at all parameters. Otherwise only where a vector of `values` is nearer than all
            trained ones.
        equation: of the regime.
        scheme: "spectral" (`step`) or "conservative" (`conservative_step`).
        conserved: whether E conserves the mean over space of each channel.
        share: [channel][octave], from 0 (the equation alone) to 1 (the whole correction of the network).
        deviation: standard deviation of the posterior of each term's coefficient, dimensionless.
        error_before, error_after: mean nRMSE of rollouts on the few trajectories themselves.
    """

    values: tuple[tuple[float, ...], ...]
    trained: tuple[tuple[float, ...], ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    everywhere: bool
    equation: IdentifiedEquation
    scheme: str
    conserved: tuple[bool, ...]
    share: tuple[tuple[float, ...], ...]
    deviation: tuple[float, ...]
    error_before: float
    error_after: float

    def check(self, problem: Problem) -> None:
        """Raise ValueError unless all entries fit each other and the problem."""
        self.equation.check(problem)
        parameters, channels = len(problem.parameters), len(problem.channels)
        fits = self.scheme == SPECTRAL or (
            self.scheme == CONSERVATIVE
            and applies(self.equation.terms, tuple(b == "periodic" for b in problem.boundaries))
        )
        fits &= (
            len(self.values) > 0
            and len(self.equation.terms) > 0
            and all(len(row) == parameters for row in (*self.values, *self.trained, self.low, self.high))
        )
        fits &= len(self.conserved) == len(self.share) == channels
        fits &= all(len(row) == BANDS for row in self.share)
        fits &= len(self.deviation) == len(self.equation.terms)
        numbers = [*self.low, *self.high, *self.deviation, self.error_before, self.error_after]
        numbers += [number for row in (*self.values, *self.trained, *self.share) for number in row]
        if not fits or not all(map(math.isfinite, numbers)):
            raise ValueError(
                "adaptation: its entries do not fit each other or the problem, or are not finite"
            )

    def network_problem(self, problem: Problem) -> Problem:
        """Return the problem that the network was trained for, with the trained range of the original."""
        return dataclasses.replace(problem, low=self.low, high=self.high, values=self.trained)


def weight_of_regime(
    adaptation: Adaptation, problem: Problem, p: Float[Array, "batch parameter"]
) -> Float[Array, " batch"]:
    """Return 1 at the adapted values, 0 where a trained value is at least as near, and a smooth function in between.

    With a and t the distances from the nearest adapted and the nearest trained value, in `positions`, and
    x = 2 t / (a + t) − 1, the weight is x² (3 − 2x) for x > 0. So the surrogate is unchanged at all trained values.
    """
    if adaptation.everywhere:
        return jnp.ones(len(p), p.dtype)
    original = adaptation.network_problem(problem)
    at = positions(original, p)
    adapted = _nearest(at, positions(original, jnp.asarray(adaptation.values, p.dtype)))
    if adaptation.trained:
        trained = _nearest(at, positions(original, jnp.asarray(adaptation.trained, p.dtype)))
    else:
        trained = _length(at - jnp.clip(at, 0.0, 1.0))
    x = 2 * trained / jnp.maximum(adapted + trained, 1e-12) - 1
    x = jnp.clip(x, 0.0, 1.0)
    return x**2 * (3 - 2 * x)


def regime_at(
    adaptation: Adaptation, problem: Problem, p: Float[Array, "batch parameter"]
) -> tuple[Float[Array, "batch term"], Float[Array, " batch"]]:
    """Return the coefficients of the regime's equation and the weight of the regime."""
    c = coefficients(adaptation.equation, problem, p)
    return c, weight_of_regime(adaptation, problem, p)


def equation_step(
    equation: IdentifiedEquation,
    scheme: str,
    conserved: tuple[bool, ...],
    problem: Problem,
    u: Field,
    c: Float[Array, "batch term"],
    substeps: int | Array | None = None,
) -> Field:
    """Advance u by one time step of an equation with the coefficients `c`, in physical units (see `advance`)."""
    advancing = conservative_step if scheme == CONSERVATIVE else step
    return advance(equation, problem, u, c, scheme=advancing, conserved=conserved, substeps=substeps)


def adapted_step(
    adaptation: Adaptation,
    problem: Problem,
    u: Field,
    regime: tuple[Float[Array, "batch term"], Float[Array, " batch"]],
    unadapted: Field,
    corrected: Callable[[Field], Field] | None,
) -> Field:
    """Advance u by one step of an adapted surrogate.

    Args:
        regime: see `regime_at`.
        unadapted: the step of the original surrogate.
        corrected: the network's correction of a step of an equation; None: the network makes whole steps.
    """
    c, weight = regime
    by_equation = equation_step(adaptation.equation, adaptation.scheme, adaptation.conserved, problem, u, c)
    by_network = unadapted if corrected is None else corrected(by_equation)
    share = jnp.asarray(adaptation.share, u.dtype)
    inside = blend(by_equation, by_network, share, problem.boundaries)
    w = weight.reshape(-1, *(1,) * (u.ndim - 1))
    return jnp.where(w > 0, unadapted + w * (inside - unadapted), unadapted)


def _nearest(
    at: Float[Array, "batch parameter"], known: Float[Array, "value parameter"]
) -> Float[Array, " batch"]:
    return _length(at[:, None] - known[None]).min(1)


def _length(difference: Float[Array, "*batch parameter"]) -> Float[Array, "*batch"]:
    square = jnp.square(difference).sum(-1)
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)
