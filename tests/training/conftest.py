"""Fixtures of trainings: a complete one with its compiled programs, and a model as pure functions with a batch."""

import functools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from small_trainings import train
from unit_box import build, problem_of

from cape.commands.session import prepare_jax
from cape.training.functional_model import FunctionalModel
from cape.training.inputs import Schedule, UpdateInput

TRANSITIONS, BATCH, POINTS = 5, 2, 16


@pytest.fixture(scope="module")
def compiled_once(compiled_programs):
    """Keep compiled programs for this module: every `fit` has its own optimiser and would compile anew."""
    prepare_jax()


@pytest.fixture(scope="session")
def train_once(tmp_path_factory):
    """Function that trains without interruption at its first call; modules share the result: (surrogate, folder)."""

    @functools.cache
    def trained():
        folder = tmp_path_factory.mktemp("complete")
        with jax.numpy_dtype_promotion("standard"):
            return train(folder=folder), folder

    return trained


@pytest.fixture(scope="module")
def complete(compiled_once, train_once):
    """A training without interruption: (surrogate, folder)."""
    return train_once()


class Tiny(SimpleNamespace):
    """A model as pure functions, its weights, and a batch of trajectories.

    Attributes:
        model, params, model_state: the model.
        frames: [time, batch, x, channel].
        p: [batch, parameter].
        channel_std: [channel].
    """

    def given(self, autoregressive=1, pushes=0, seed=0) -> UpdateInput:
        """The input of an update under a plan; `pushes` of None is a schedule that never pushes."""
        pushes = None if pushes is None else jnp.int32(pushes)
        schedule = Schedule(jnp.int32(autoregressive), pushes)
        return UpdateInput(self.frames, self.p, schedule, jax.random.key(seed), self.channel_std)


@pytest.fixture(scope="module")
def tiny() -> Tiny:
    problem = problem_of(POINTS, parameters=("nu",), low=0.1, high=1.0, steps=TRANSITIONS)
    graphdef, params, model_state = nnx.split(build(problem), nnx.Param, ...)
    return Tiny(
        model=FunctionalModel(graphdef),
        params=nnx.to_pure_dict(params),
        model_state=nnx.to_pure_dict(model_state),
        frames=jax.random.normal(jax.random.key(1), (TRANSITIONS + 1, BATCH, POINTS, 1)),
        p=jnp.asarray([[0.2], [0.9]]),
        channel_std=jnp.asarray(problem.channel_std),
    )


@pytest.fixture(scope="module")
def step(tiny):
    """One step of the tiny model, compiled once: (params, u) -> Prediction."""
    model, state, p = tiny.model, tiny.model_state, tiny.p
    return jax.jit(lambda params, u: model.predict(params, state, u, model.prepare(params, state, p))[0])
