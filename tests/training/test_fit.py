"""Fit: it learns, keeps the best weights, and names what does not fit."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from small_trainings import (
    CONFIG,
    DT,
    FRAMES,
    MODEL,
    TRAINING,
    VALIDATION,
    assert_same_weights,
    fresh,
    kept_error,
    rollout_error,
    train,
    weights,
)

from cape.model.conditionings.film import FiLMConfig
from cape.pretrained import load
from cape.rollout import persistence
from cape.training.fit import fit
from cape.training.log import read
from cape.training.update import update

pytestmark = pytest.mark.usefixtures("standard_promotion", "compiled_once")


def test_training_learns(complete):
    surrogate, folder = complete
    records = read(folder / "metrics.jsonl")
    assert records[-1]["prediction_loss"] < 0.5 * records[0]["prediction_loss"]
    p = jnp.asarray(VALIDATION.parameters, jnp.float32)
    assert rollout_error(surrogate.at(p)) < 0.5 * rollout_error(persistence)


def test_the_latest_weights_within_the_noise_of_the_best_are_kept(complete):
    surrogate, folder = complete
    errors = [record.get("validation_error") for record in read(folder / "metrics.jsonl")]
    assert errors[:2] == [None, None]  # the warm-up trains a part of the weights, so nothing is validated
    found = rollout_error(surrogate.at(jnp.asarray(VALIDATION.parameters, jnp.float32)))
    assert found == pytest.approx(kept_error(folder), rel=1e-4)
    assert found <= 1.5 * min(errors[2:])
    assert_same_weights(load(folder), surrogate)


def test_only_weights_that_are_no_worse_are_kept(tmp_path, monkeypatch):
    judged = []

    def third_alone(errors, lowest):
        judged.append(float(errors.mean()))
        return len(judged) == 3

    monkeypatch.setattr("cape.training.best.no_worse", third_alone)
    surrogate = train(folder=tmp_path)
    assert len(judged) == 10 and kept_error(tmp_path) == pytest.approx(judged[2], rel=1e-6)
    found = rollout_error(surrogate.at(jnp.asarray(VALIDATION.parameters, jnp.float32)))
    assert found == pytest.approx(judged[2], rel=1e-4)
    assert_same_weights(load(tmp_path), surrogate)


def test_every_epoch_has_one_record(complete):
    records = read(complete[1] / "metrics.jsonl")
    assert [record["epoch"] for record in records] == list(range(1, 13))
    assert [record["step"] for record in records] == list(range(4, 52, 4))
    assert [record["phase"] for record in records] == ["warm-up"] * 2 + ["training"] * 10
    assert records[0]["feedback"] == 1


def test_the_surrogate_given_is_left_as_it_was():
    surrogate = fresh()
    before = weights(surrogate)
    trained = fit(surrogate, TRAINING, VALIDATION, CONFIG, progress=False)
    assert all((before[name] == value).all() for name, value in weights(surrogate).items())
    assert any((before[name] != value).any() for name, value in weights(trained).items())


def test_averaged_weights_are_those_validated_and_kept(complete, tmp_path):
    averaged = train(dataclasses.replace(CONFIG, ema=0.5), tmp_path)
    plain, mean = (weights(s)["conditioning.base.out.weight"] for s in (complete[0], averaged))
    assert not np.array_equal(plain, mean)
    found = rollout_error(averaged.at(jnp.asarray(VALIDATION.parameters, jnp.float32)))
    assert found == pytest.approx(kept_error(tmp_path), rel=1e-4)


def test_a_second_training_of_the_same_shapes_compiles_nothing():
    train()
    compiled = update._cache_size()
    assert compiled > 0
    train(dataclasses.replace(CONFIG, epochs=12))
    assert update._cache_size() == compiled


@pytest.mark.thorough
def test_a_conditioning_without_a_first_guess_trains_from_the_first_epoch(tmp_path):
    config = dataclasses.replace(CONFIG, epochs=3)
    train(config, tmp_path, dataclasses.replace(MODEL, conditioning=FiLMConfig(width=4)))
    assert [record["phase"] for record in read(tmp_path / "metrics.jsonl")] == ["training"] * 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channel_names": ("v",)}, r"expected channels \('u',\), got \('v',\)"),
        ({"parameter_names": ("nu",)}, r"expected parameters \('beta',\), got \('nu',\)"),
        ({"boundaries": ("wall",)}, r"expected boundaries \('periodic',\), got \('wall',\)"),
        ({"times": 2 * DT * np.arange(FRAMES)}, "expected a time step of 0.1, got 0.2"),
    ],
)
def test_data_that_do_not_fit_are_named(changes, message):
    other = dataclasses.replace(VALIDATION, **changes)
    with pytest.raises(ValueError, match=message):
        fit(fresh(), TRAINING, other, CONFIG, progress=False)


def test_a_single_frame_and_a_batch_too_large_are_named():
    with pytest.raises(ValueError, match="at least 2 frames"):
        fit(fresh(), TRAINING.first_frames(1), VALIDATION, CONFIG, progress=False)
    with pytest.raises(ValueError, match="expected a batch of 1 to 14"):
        train(dataclasses.replace(CONFIG, batch=15))
