"""Exact advection data and a training of a few seconds, for tests."""

import jax.numpy as jnp
import numpy as np
from flax import nnx

from cape.datasets.arrays import in_memory
from cape.datasets.trajectories import Trajectories
from cape.model.conditionings.cape import CAPEConfig
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.rollout import rollout
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate
from cape.training.config import TrainingConfig
from cape.training.fit import fit
from cape.training.log import read
from cape.training.optimisers import AdamW

POINTS, FRAMES, DT = 16, 5, 0.1
MODEL = ModelConfig(
    FNOConfig(width=4, modes=3, layers=1, projection=4, kernel=0), CAPEConfig(heads=8, width=4)
)
CONFIG = TrainingConfig(
    epochs=12,
    batch=4,
    warmup_epochs=2,
    warmup=AdamW(learning_rate=1e-1, weight_decay=0.0, rise=0.0, final=0.1),
    optimiser=AdamW(learning_rate=1e-2),
)


def advected(samples, seed):
    """Make exact advection, u(x - beta t), of a few random waves at beta 0.5 and 1."""
    random = np.random.default_rng(seed)
    beta = np.where(np.arange(samples) % 2, 0.5, 1.0)
    x, t = np.arange(POINTS) / POINTS, DT * np.arange(FRAMES)
    y = x[None, None] - beta[:, None, None] * t[None, :, None]
    u = np.zeros((samples, FRAMES, POINTS))
    for k in (1, 2):
        a, phase = random.uniform(0.5, 1.0, samples), random.uniform(0, 2 * np.pi, samples)
        u += a[:, None, None] * np.sin(2 * np.pi * k * y + phase[:, None, None])
    return in_memory(
        u[..., None].astype(np.float32),
        beta[:, None],
        ("beta",),
        channel_names=("u",),
        coordinates=(x,),
        times=t,
        boundaries=("periodic",),
        equation="advection",
    )


def waves_of_either_direction(samples=48, frames=8, points=16) -> Trajectories:
    """Make waves that move by one point a frame, half of them to the left; one frame does not show the direction."""
    random = np.random.default_rng(5)
    x = 2 * np.pi * np.arange(points) / points
    phase, size = 2 * np.pi * random.uniform(size=(samples, 2)), random.uniform(0.5, 1.5, (samples, 2))
    way = np.where(np.arange(samples) % 2, 1.0, -1.0)[:, None, None] * np.arange(frames)[:, None] * x[1]
    u = sum(size[:, k, None, None] * np.cos((k + 1) * (x - way) + phase[:, k, None, None]) for k in (0, 1))
    return in_memory(
        u[..., None],
        1.0 + np.arange(samples)[:, None] // 2 % 2,  # the parameter does not show it either
        ("nu",),
        channel_names=("u",),
        coordinates=((np.arange(points) + 0.5) / points,),
        times=0.1 * np.arange(frames),
        boundaries=("periodic",),
        equation="unknown",
    )


TRAINING, VALIDATION = advected(14, seed=0), advected(6, seed=1)


def fresh(model=MODEL):
    return Surrogate(Problem.of(TRAINING), model, rngs=nnx.Rngs(0))


def train(config=CONFIG, folder=None, model=MODEL):
    return fit(fresh(model), TRAINING, VALIDATION, config, folder, progress=False)


def weights(surrogate):
    return {".".join(map(str, k)): np.asarray(v[...]) for k, v in nnx.to_flat_state(nnx.state(surrogate))}


def assert_same_weights(a, b):
    a, b = weights(a), weights(b)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def rollout_error(step):
    """Compute the mean relative error of all frames of rollouts over the validation trajectories, by hand."""
    truth = VALIDATION.read()[:, 1:].astype(np.float64)
    found = np.asarray(rollout(step, jnp.asarray(VALIDATION.read()[:, 0]), FRAMES - 1))
    return np.mean(np.sqrt(((found - truth) ** 2).mean((2, 3)) / (truth**2).mean((2, 3))))


def kept_error(folder):
    """Read the validation error of the weights that were kept."""
    return [record["validation_error"] for record in read(folder / "metrics.jsonl") if record.get("kept")][-1]
