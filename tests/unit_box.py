"""Untrained surrogates on the unit box, random smooth fields, and one compiled step, for tests."""

import itertools

import jax.numpy as jnp
import numpy as np
from flax import nnx

from cape.model.conditionings.cape import CAPEConfig
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate

SMALL = FNOConfig(width=4, modes=3, layers=1, projection=4, kernel=3)
P = jnp.asarray([[0.7, 1.5], [1.1, 0.6]])  # two samples of the two parameters of `problem_of`


def problem_of(
    *points, channels=1, parameters=("a", "b"), boundary="periodic", low=0.5, high=2.0, **changes
) -> Problem:
    """The problem of an unknown equation on the unit box with this many points per axis."""
    dimension, count = len(points), len(parameters)
    settings = {
        "equation": "unknown",
        "channels": tuple(f"u{i}" for i in range(channels)),
        "parameters": parameters,
        "boundaries": (boundary,) * dimension,
        "resolution": points,
        "origin": tuple(0.5 / n for n in points),
        "length": (1.0,) * dimension,
        "dt": 0.1,
        "steps": 5,
        "channel_mean": (0.3,) * channels,
        "channel_std": (2.0,) * channels,
        "low": (low,) * count,
        "high": (high,) * count,
    }
    return Problem(**settings | changes)


def build(problem, base=SMALL, conditioning=None, seed=0) -> Surrogate:
    """Build a surrogate whose last layer does not start small, so that every part changes the output visibly."""
    conditioning = conditioning or CAPEConfig(heads=2, width=4)
    surrogate = Surrogate(problem, ModelConfig(base, conditioning), rngs=nnx.Rngs(seed))
    surrogate.conditioning.base.scale_output(10.0)
    return surrogate


def waves(*points, modes=3, batch=2, channels=1, seed=0):
    """Draw a smooth periodic field: a few random modes per axis, the same function on every grid."""
    random = np.random.default_rng(seed)
    u = 0.0
    axes = np.meshgrid(*(np.arange(n) / n for n in points), indexing="ij")
    for k in itertools.product(range(-modes, modes + 1), repeat=len(points)):
        phase = 2 * np.pi * sum(ki * x for ki, x in zip(k, axes, strict=True))
        a, b = random.normal(size=(2, batch, *(1,) * len(points), channels))
        u = u + a * np.cos(phase)[None, ..., None] + b * np.sin(phase)[None, ..., None]
    return jnp.asarray(u, jnp.float32)


@nnx.jit
def predict(surrogate, u, p):
    """One step, compiled."""
    return surrogate.at(p)(u)
