"""A small surrogate that depends on its parameter, and its rollouts as observations, for tests."""

import jax
import numpy as np
from flax import nnx
from small_surrogates import SMALL, problem_of

from cape.datasets.arrays import in_memory
from cape.datasets.trajectories import Trajectories
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.surrogate import Surrogate

STEPS = 5


def dependent_surrogate() -> Surrogate:
    """An untrained surrogate of advection whose weights are large enough for the parameter to matter."""
    problem = problem_of("advection", low=(0.1,), high=(1.0,))
    made = Surrogate(problem, ModelConfig(SMALL, FiLMConfig(width=4)), rngs=nnx.Rngs(1))
    nnx.update(made, jax.tree.map(lambda a: 2 * a, nnx.state(made, nnx.Param)))
    return made


def waves(trajectories: int, points: int = 16, seed: int = 0) -> np.ndarray:
    """First frames [trajectory, point, 1]: a few sine waves."""
    x = (np.arange(points) + 0.5) / points
    draw = np.random.default_rng(seed)
    phases = draw.uniform(0, 2 * np.pi, (trajectories, 1, 3))
    u = (np.sin(2 * np.pi * x[:, None] * np.arange(1, 4) + phases) / np.arange(1, 4)).sum(-1)
    return u[..., None].astype(np.float32)


def observed(surrogate: Surrogate, beta, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Rollouts [trajectory, time, point, 1] at these parameters, with the first frames and with noise."""
    beta = np.asarray(beta, np.float32)
    u0 = waves(len(beta), seed=seed)
    frames = np.asarray(surrogate.rollout(u0, {"beta": beta}, STEPS))
    u = np.concatenate([u0[:, None], frames], 1)
    return (u + noise * np.random.default_rng(seed).normal(size=u.shape)).astype(np.float32)


def trajectories(u: np.ndarray, beta=None, **changes) -> Trajectories:
    """The same as trajectories; without parameters if beta is None."""
    points = u.shape[2]
    described = {
        "channel_names": ("u",),
        "coordinates": ((np.arange(points) + 0.5) / points,),
        "times": 0.1 * np.arange(u.shape[1]),
        "boundaries": ("periodic",),
        "equation": "advection",
    }
    parameters = np.empty((len(u), 0)) if beta is None else np.asarray(beta, float)[:, None]
    names = () if beta is None else ("beta",)
    return in_memory(u, parameters, names, **(described | changes))
