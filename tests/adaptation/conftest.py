"""A small surrogate of diffusion with an identified equation."""

import jax
import pytest
from adaptation_cases import TRAINED, diffusion
from flax import nnx

from cape.identification.identify import identify
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate


@pytest.fixture(scope="session")
def original() -> Surrogate:
    """An untrained network that corrects the steps of u_t = nu u_xx."""
    data = diffusion(TRAINED)
    problem = Problem.of(data)
    base = FNOConfig(width=4, modes=3, layers=1, projection=4)
    with jax.numpy_dtype_promotion("standard"):
        equation = identify(data, problem)
        return Surrogate(problem, ModelConfig(base), equation=equation, rngs=nnx.Rngs(0))
