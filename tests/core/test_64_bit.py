"""The 64-bit mode of JAX: arrays keep their dtypes, and surrogates are trained, loaded and rolled out as without it."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_surrogates import problem_of
from user_parts import CorrectedConfig

import cape
from cape.datasets.augmentation import Augmentation, augment, symmetries_of
from cape.datasets.batches import batch_indices
from cape.model.conditioning import CONDITIONINGS
from cape.model.config import ModelConfig
from cape.solvers.solver import SOLVERS
from cape.surrogate import Surrogate
from cape.training.functional_model import FunctionalModel, split
from cape.training.inputs import Schedule
from cape.training.objective import Objective
from cape.training.optimisers import OPTIMISERS
from cape.training.update import UpdateSettings, initial_state, update

POINTS = 32


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


def dtypes(arrays):
    return {str(leaf.dtype) for leaf in jax.tree.leaves(arrays)}


def surrogate_of(base, conditioning, normalisation="sample"):
    config = ModelConfig(
        SOLVERS.find(base)(), CONDITIONINGS.find(conditioning)(), normalisation=normalisation
    )
    return Surrogate(problem_of("burgers", POINTS), config, rngs=nnx.Rngs(0))


MODELS = [(base, "film", "sample") for base in sorted(SOLVERS.parts) if not base.startswith("paper")]
MODELS += [("fno", name, "off") for name in sorted(CONDITIONINGS.parts) if not name.startswith("paper")]
MODELS += [
    pytest.param(base, conditioning, normalisation, marks=pytest.mark.thorough)
    for base, conditioning, normalisation in [
        *((name, "film", "sample") for name in sorted(SOLVERS.parts) if name.startswith("paper")),
        *(("paper-fno", name, "off") for name in sorted(CONDITIONINGS.parts) if name.startswith("paper")),
    ]
]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("base", "conditioning", "normalisation"), MODELS)
def test_weights_and_frames_are_float32(base, conditioning, normalisation):
    """Promotion is strict in the tests, so a 64-bit number anywhere in the model is an error here."""
    surrogate = nnx.eval_shape(lambda: surrogate_of(base, conditioning, normalisation))
    graphdef, state = nnx.split(surrogate)
    assert dtypes(state) == {"float32"}
    u, p = jax.ShapeDtypeStruct((2, POINTS, 1), jnp.float32), jax.ShapeDtypeStruct((2, 1), jnp.float32)
    frames = jax.eval_shape(lambda state, u, p: nnx.merge(graphdef, state).rollout(u, p, 3), state, u, p)
    assert frames.dtype == jnp.float32


@pytest.mark.usefixtures("double", "standard_promotion")
@pytest.mark.parametrize(
    "optimiser",
    [
        pytest.param(name, marks=() if name == "adamw" else pytest.mark.thorough)
        for name in sorted(OPTIMISERS.parts)
    ],
)
@pytest.mark.parametrize(
    "gradients", ["stop_gradient", pytest.param("through_time", marks=pytest.mark.thorough)]
)
def test_an_update_keeps_every_dtype(optimiser, gradients):
    graphdef, params, model_state = split(surrogate_of("fno", "cape"))
    model, objective = FunctionalModel(graphdef), Objective(gradients=gradients)
    settings = UpdateSettings(model, objective, OPTIMISERS.find(optimiser)(), 10, 2, 0, ema=0.9)
    state = initial_state(nnx.to_pure_dict(params), nnx.to_pure_dict(model_state), settings, settings)
    assert dtypes(state) == {"float32", "int32"}
    frames, p = jnp.zeros((2, 4, POINTS, 1), jnp.float32), jnp.ones((2, 1), jnp.float32)
    schedule = Schedule(jnp.int32(2), jnp.int32(1))
    after, losses = jax.eval_shape(
        lambda *given: update(settings, *given), jnp.ones(1, jnp.float32), state, frames, p, schedule
    )
    assert jax.tree.map(lambda a: a.dtype, after) == jax.tree.map(lambda a: a.dtype, state)
    assert dtypes(losses) == {"float32"}


def test_batches_and_their_images_are_the_same():
    augmentation = Augmentation(tilings=(1, 2), reflect=True, largest_boost=1.0)
    frames = np.random.default_rng(0).normal(size=(4, 3, POINTS, 1)).astype(np.float32)

    def batch():
        return batch_indices(7, 5, 10, 4), *jax.jit(image)(frames, np.ones((4, 1), np.float32))

    def image(frames, p):
        return augment(
            symmetries_of("burgers", ("periodic",)),
            augmentation,
            frames,
            p,
            jax.random.key(3),
            parameter_names=("Nu",),
            channel_names=("u",),
            speed=0.1,
            exchange=True,
            stride=1,
        )

    single = batch()
    with jax.enable_x64(True):
        twice = batch()
    for first, second in zip(single, twice, strict=True):
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)


@pytest.mark.usefixtures("double")
def test_weights_of_a_users_part_become_float32():
    config = ModelConfig(SOLVERS.find("fno")(), CorrectedConfig())
    surrogate = Surrogate(problem_of("burgers", POINTS), config, rngs=nnx.Rngs(0))
    assert jnp.full((1,), 0.1).dtype == jnp.float64  # as the part makes them
    assert dtypes(nnx.state(surrogate)) == {"float32"}


@pytest.mark.usefixtures("double")
def test_a_step_returns_the_dtype_of_its_field():
    surrogate = surrogate_of("fno", "film")
    u, p = np.sin(2 * np.pi * np.arange(POINTS) / POINTS)[None, :, None], np.full((1, 1), 0.1)
    expected = surrogate.rollout(u, p, 2)
    frames = surrogate.window.rollout(surrogate.at(jnp.asarray(p)), jnp.asarray(u)[:, None], 2)
    assert (expected.dtype, frames.dtype) == (jnp.float32, jnp.float64)
    np.testing.assert_allclose(frames, expected, rtol=0, atol=1e-6)


PROGRAM = """
import sys, jax, numpy as np, cape
from small_trainings import CONFIG, VALIDATION, train
import dataclasses

folder, u0 = sys.argv[1], np.load(sys.argv[1] + "/u0.npy")
assert jax.numpy.ones(1).dtype == "float64"
np.save(folder + "/shipped.npy", cape.load("burgers1d").rollout(u0, {"Nu": 0.03}, 3))
trained = train(dataclasses.replace(CONFIG, epochs=2, warmup_epochs=1))
trained.save(folder + "/model")
start = VALIDATION.read()[:, 0]
np.save(folder + "/trained.npy", cape.load(folder + "/model").rollout(start, VALIDATION.parameters, 3))
assert np.isfinite(cape.evaluate(trained, VALIDATION).evaluation.rows[0].values["nRMSE"])
"""


@pytest.mark.thorough
def test_a_process_in_64_bit_mode_trains_loads_and_predicts(tmp_path):
    from small_trainings import VALIDATION

    x = (np.arange(128) + 0.5) / 128
    u0 = np.sin(2 * np.pi * x)[None, :, None]
    np.save(tmp_path / "u0.npy", u0)
    environment = os.environ | {"JAX_ENABLE_X64": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], env=environment, check=True)
    expected = cape.load("burgers1d").rollout(u0, {"Nu": 0.03}, 3)
    np.testing.assert_allclose(np.load(tmp_path / "shipped.npy"), expected, rtol=0, atol=1e-6)
    frames = np.load(tmp_path / "trained.npy")
    again = cape.load(tmp_path / "model").rollout(VALIDATION.read()[:, 0], VALIDATION.parameters, 3)
    assert frames.dtype == np.float32
    np.testing.assert_allclose(frames, again, rtol=0, atol=1e-6)
