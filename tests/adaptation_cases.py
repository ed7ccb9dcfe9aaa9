"""Diffusion at trained and at new viscosities, and a small surrogate of it, for the tests of adaptation."""

import math

import exact_equations as exact
from flax import nnx

from cape.identification.equation import IdentifiedEquation
from cape.identification.terms import WAVE_NUMBER_UNIT, Factor, Term
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate

TRAINED = [0.002, 0.004, 0.008]
NEW = 0.04


def diffusion(values, *, more: float = 0.0, samples: int = 6):
    """Return u_t = (nu + more) u_xx, with the equation's name "unknown"."""
    u0 = exact.smooth_fields(samples)[..., None]
    u = [exact.linear_solution(lambda k, nu=nu: [[(nu + more) * k**2]], u0) for nu in values]
    return exact.trajectories(u, {"nu": values})


def diffusion_surrogate() -> Surrogate:
    """An untrained network that corrects the steps of u_t = nu u_xx."""
    problem = Problem.of(diffusion(TRAINED))
    rate = TRAINED[-1] * exact.DT * (2 * math.pi * WAVE_NUMBER_UNIT) ** 2
    equation = IdentifiedEquation(
        "linear", (Term(0, (Factor(0, (2,)),)),), ((0.0, rate),), 1, 1e-6, (1e-3,), 0.1
    )
    base = FNOConfig(width=4, modes=3, layers=1, projection=4)
    return Surrogate(problem, ModelConfig(base), equation=equation, rngs=nnx.Rngs(0))
