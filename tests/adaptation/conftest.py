"""A small surrogate of diffusion with the equation of its training data."""

import math

import exact_equations as exact
import pytest
from adaptation_cases import TRAINED, diffusion
from flax import nnx

from cape.identification.equation import IdentifiedEquation
from cape.identification.terms import WAVE_NUMBER_UNIT, Factor, Term
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate


@pytest.fixture(scope="session")
def original() -> Surrogate:
    """An untrained network that corrects the steps of u_t = nu u_xx."""
    problem = Problem.of(diffusion(TRAINED))
    rate = TRAINED[-1] * exact.DT * (2 * math.pi * WAVE_NUMBER_UNIT) ** 2
    equation = IdentifiedEquation(
        "linear", (Term(0, (Factor(0, (2,)),)),), ((0.0, rate),), 1, 1e-6, (1e-3,), 0.1
    )
    base = FNOConfig(width=4, modes=3, layers=1, projection=4)
    return Surrogate(problem, ModelConfig(base), equation=equation, rngs=nnx.Rngs(0))
