"""Parts of a user train as the shipped ones do: a warm-up of the first guess only, a normalisation, a curriculum."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_trainings import CONFIG, MODEL, TRAINING, VALIDATION, fresh, train, weights
from user_parts import Alternating, CorrectedConfig, MultipliedConfig, registered

from cape.pretrained import load
from cape.training.batches import batches_from
from cape.training.functional_model import split
from cape.training.inputs import Schedule
from cape.training.log import read
from cape.training.phases import plan_phases
from cape.training.sampling import TrajectorySampler
from cape.training.update import elementwise_weights, initial_state, warm_up_update

pytestmark = pytest.mark.usefixtures("standard_promotion", "compiled_once")
SHORT = dataclasses.replace(CONFIG, epochs=2, warmup_epochs=1)


@pytest.fixture(autouse=True)
def user_parts():
    with registered():
        yield


def model_with(conditioning, normalisation="sample"):
    return dataclasses.replace(MODEL, conditioning=conditioning, normalisation=normalisation)


def flat(params):
    """Copies of all weights by their path."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {jax.tree_util.keystr(path): np.array(leaf) for path, leaf in leaves}


def test_a_warm_up_changes_the_weights_of_the_first_guess_only():
    surrogate = fresh(model_with(CorrectedConfig()))
    phases = plan_phases(surrogate, SHORT, TRAINING.samples)
    assert phases.warmup_epochs == 1 and phases.warm_up.first_guess == ("oracle",)
    sampler = TrajectorySampler(SHORT.sampling, TRAINING, lambda data: None, 0)
    batches = batches_from(
        0,
        TRAINING,
        SHORT,
        surrogate.problem,
        surrogate.window,
        sampler,
    )
    _, *arrays = split(surrogate)
    state = initial_state(*map(nnx.to_pure_dict, arrays), phases.training, phases.warm_up)
    before = flat(state["params"])
    std = jnp.asarray(surrogate.normalisation.channel_std)
    for _ in range(3):
        state, (losses, *_) = warm_up_update(
            phases.warm_up, std, state, *next(batches), Schedule(jnp.int32(1))
        )
    assert losses.total == losses.auxiliary > 0
    changed = {name for name, value in flat(state["params"]).items() if (value != before[name]).any()}
    assert changed == {"['conditioning']['oracle']['weight']"}


def test_a_conditioning_with_a_first_guess_of_any_name_is_warmed_up_trained_and_saved(tmp_path):
    surrogate = train(SHORT, tmp_path, model_with(CorrectedConfig()))
    assert [record["phase"] for record in read(tmp_path / "metrics.jsonl")] == ["warm-up", "training"]
    initial, trained, loaded = (
        weights(each) for each in (fresh(surrogate.config), surrogate, load(tmp_path))
    )
    assert all((trained[name] != value).any() for name, value in initial.items() if "gain" not in name)
    assert all((loaded[name] == value).all() for name, value in trained.items())
    assert ("conditioning", "oracle", "weight") in elementwise_weights(surrogate)


@pytest.fixture(scope="module")
def multiplied(compiled_once, tmp_path_factory):
    """A training of a conditioning without a first guess, a normalisation and a curriculum of a user, and its folder.

    The configuration asks for a warm-up.
    """
    config = dataclasses.replace(SHORT, epochs=4, curriculum=Alternating())
    folder = tmp_path_factory.mktemp("multiplied")
    with registered(), jax.numpy_dtype_promotion("standard"):
        return train(config, folder, model_with(MultipliedConfig(), "thousandth")), folder


@pytest.mark.thorough
def test_a_conditioning_without_a_first_guess_has_no_warm_up(multiplied):
    records = read(multiplied[1] / "metrics.jsonl")
    assert [record["phase"] for record in records] == ["training"] * 4
    assert all(record["auxiliary_loss"] == 0 for record in records)


@pytest.mark.thorough
def test_a_normalisation_of_a_user_is_the_wrapper_of_every_step(multiplied):
    surrogate, folder = multiplied
    u, p = jnp.asarray(VALIDATION.read()[:, 0]), jnp.asarray(VALIDATION.parameters, jnp.float32)
    inner, unit = surrogate.conditioning, 1000.0 * surrogate.problem.channel_std[0]
    expected = unit * np.asarray(inner(u / unit, inner.prepare(p)).next)
    expected = expected - (expected - u).mean(1, keepdims=True)  # the data conserve the mean
    np.testing.assert_allclose(load(folder).at(p)(u), expected, atol=1e-5)


@pytest.mark.thorough
def test_a_curriculum_of_a_user_plans_every_epoch(multiplied):
    assert [record["feedback"] for record in read(multiplied[1] / "metrics.jsonl")] == [1, 1, 4, 4]
