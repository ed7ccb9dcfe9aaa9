"""Untrained surrogates of simulated equations, for tests."""

from flax import nnx

from cape.datasets.equations.equation import EQUATIONS
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate

SMALL = FNOConfig(width=4, modes=2, layers=1, projection=4, kernel=0)


def problem_of(equation: str, /, points: int = 16, **changes) -> Problem:
    """The problem of training data of one of the simulated equations."""
    it = EQUATIONS.find(equation)
    axes, channels, parameters = it.dimension, len(it.channels), len(it.parameters)
    settings = {
        "equation": equation,
        "channels": it.channels,
        "parameters": it.parameter_names,
        "boundaries": (it.boundary,) * axes,
        "resolution": (points,) * axes,
        "origin": (it.origin + 0.5 * it.length / points,) * axes,
        "length": (it.length,) * axes,
        "dt": 0.1,
        "steps": 5,
        "channel_mean": (0.0,) * channels,
        "channel_std": (1.0,) * channels,
        "low": (0.01,) * parameters,
        "high": (1.0,) * parameters,
    }
    return Problem(**settings | changes)


def surrogate_of(problem: Problem, base=SMALL) -> Surrogate:
    return Surrogate(problem, ModelConfig(base, FiLMConfig(width=4)), rngs=nnx.Rngs(0))
