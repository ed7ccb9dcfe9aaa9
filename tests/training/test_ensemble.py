"""Ensembles: members trained in one program equal models trained by themselves; runs, checkpoints and errors."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_data import advection
from small_trainings import (
    CONFIG,
    FRAMES,
    MODEL,
    TRAINING,
    VALIDATION,
    assert_same_weights,
    fresh,
    train,
    weights,
)

import cape
from cape.problem import Problem
from cape.surrogate import Surrogate
from cape.training import attempt as fitting
from cape.training.best import BestOfMembers
from cape.training.fit import fit
from cape.training.log import read
from cape.training.mesh import MeshConfig

pytestmark = pytest.mark.usefixtures("standard_promotion", "compiled_once")

THREE = dataclasses.replace(MODEL, members=3)
SHORT = dataclasses.replace(CONFIG, epochs=4, warmup_epochs=1, member_share=1.0)
OFTEN = dataclasses.replace(SHORT, divergence_retries=1)  # a checkpoint every epoch


@pytest.fixture(scope="module")
def folder(compiled_once, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble")
    with jax.numpy_dtype_promotion("standard"):
        train(SHORT, folder, THREE)
    return folder


def single(index):
    """Make the single surrogate with the initial weights of a member."""
    return fresh(THREE).member(index)


def test_members_predict_as_models_trained_by_themselves(folder):
    ensemble, u0 = cape.load(folder), VALIDATION.read()[:, 0]
    for index in (0, 2):
        alone = fit(single(index), TRAINING, VALIDATION, SHORT, progress=False)
        found, expected = (
            np.asarray(each.rollout(u0, VALIDATION.parameters, FRAMES - 1))
            for each in (ensemble.member(index), alone)
        )
        untrained = np.asarray(single(index).rollout(u0, VALIDATION.parameters, FRAMES - 1))
        assert np.abs(found - expected).max() < 0.02 * np.abs(found - untrained).max()


def test_the_first_member_begins_with_the_weights_of_a_single_model():
    assert_same_weights(fresh(THREE).member(0), fresh(MODEL))
    first, second = weights(fresh(THREE).member(0)), weights(fresh(THREE).member(1))
    assert any(not np.array_equal(first[name], second[name]) for name in first)


def test_a_rollout_is_the_mean_of_the_rollouts_of_the_members(folder):
    ensemble, u0 = cape.load(folder), VALIDATION.read()[:, 0]
    found = ensemble.rollout(u0, VALIDATION.parameters, FRAMES - 1)
    each = [ensemble.member(i).rollout(u0, VALIDATION.parameters, FRAMES - 1) for i in range(3)]
    np.testing.assert_allclose(found, np.mean(each, 0), rtol=1e-4, atol=1e-5)
    assert np.std(each, 0).max() > 1e-3


@pytest.mark.thorough
def test_several_frames_and_bundles_are_averaged_too():
    model = dataclasses.replace(THREE, history=3, bundle=2)
    ensemble = Surrogate(Problem.of(TRAINING), model, rngs=nnx.Rngs(3))
    given = VALIDATION.read()[:, :3]
    found = ensemble.rollout(given, VALIDATION.parameters, 2)
    each = [ensemble.member(i).rollout(given, VALIDATION.parameters, 2) for i in range(3)]
    np.testing.assert_allclose(found, np.mean(each, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.thorough
def test_a_stopped_training_goes_on_to_the_same_weights(folder, tmp_path, monkeypatch):
    validate, validations = fitting.Validation.__call__, []

    def stopping(self, *weights):
        validations.append(1)
        if len(validations) == 2:
            raise KeyboardInterrupt
        return validate(self, *weights)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(fitting.Validation, "__call__", stopping)
        train(OFTEN, tmp_path, THREE)
    train(OFTEN, tmp_path, THREE)
    assert_same_weights(cape.load(tmp_path), cape.load(folder))
    assert [r["epoch"] for r in read(tmp_path / "metrics.jsonl")] == [1, 2, 3, 4]


@pytest.mark.thorough
def test_a_share_of_the_batch_is_another_one_for_each_member():
    shared = train(dataclasses.replace(SHORT, member_share=0.5), model=THREE)
    assert shared.members == 3
    with pytest.raises(ValueError, match=r"training.member_share: expected a share in \(0, 1\], got 0"):
        dataclasses.replace(SHORT, member_share=0.0)


def test_the_best_weights_are_kept_member_by_member():
    best = BestOfMembers({"w": np.zeros((2, 1))}, {}, 3, 2)
    low, high = np.full(3, 1.0), np.full(3, 2.0)
    assert best.offer(np.stack([high, low]), {"w": np.asarray([[1.0], [1.0]])}, {})
    assert best.offer(np.stack([low, high]), {"w": np.asarray([[2.0], [2.0]])}, {})
    np.testing.assert_array_equal(best.arrays["params"]["w"], [[2.0], [1.0]])
    assert best.lowest_error == 1.0
    again = BestOfMembers({"w": np.zeros((2, 1))}, {}, 3, 2)
    assert again.lowest_error == np.inf
    again.restore(best.arrays)
    np.testing.assert_array_equal(again.arrays["errors"], best.arrays["errors"])
    assert not again.offer(np.full((2, 3), np.nan), {"w": np.zeros((2, 1))}, {})


def test_the_log_has_means_over_members(folder):
    records = read(folder / "metrics.jsonl")
    assert all(np.isfinite(record["loss"]) for record in records)
    assert records[-1]["validation_error"] < 1
    assert json.loads((folder / "model" / "config.json").read_text())["model"]["members"] == 3


@pytest.mark.thorough
def test_cape_train_takes_the_number_of_members():
    data = advection(np.repeat([0.5, 1.0], 4), samples=8)
    surrogate = cape.train(data, model=MODEL, training=SHORT, members=2, progress=False)
    assert surrogate.members == 2
    assert surrogate.rollout(data.read()[:, 0], data.parameters, 2).shape == (8, 2, 16, 1)


def test_what_an_ensemble_cannot_do_is_an_error():
    with pytest.raises(ValueError, match="model.members: expected 1 to 256, got 0"):
        dataclasses.replace(MODEL, members=0)
    with pytest.raises(ValueError, match="member: expected a number from 0 to 2, got 3"):
        fresh(THREE).member(3)
    divided = dataclasses.replace(SHORT, mesh=MeshConfig(weights="divided"))
    with pytest.raises(ValueError, match='training.mesh.weights: .* expected "replicated" for an ensemble'):
        train(divided, model=THREE)
    with pytest.raises(ValueError, match=r"training.accumulate: expected 1 for an ensemble"):
        train(dataclasses.replace(SHORT, accumulate=2), model=THREE)
    u = jnp.zeros((1, 16, 1))
    with pytest.raises(ValueError, match="for each of 3 members, as the last axis"):
        fresh(THREE).at(jnp.full((1, 1), 0.5))(u)
    assert fresh(MODEL).member(0).members == 1
