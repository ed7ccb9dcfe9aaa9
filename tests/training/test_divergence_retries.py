"""Retries: a training that diverges goes back to its newest checkpoint, with half the learning rate, some times."""

import dataclasses
import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from small_trainings import CONFIG, VALIDATION, assert_same_weights, fresh, rollout_error, train, weights

from cape.training import attempt as fitting
from cape.training.divergence import Diverged
from cape.training.log import read
from cape.training.update import update
from cape.training.validation import Validation

pytestmark = pytest.mark.usefixtures("standard_promotion", "compiled_once")
TWICE = dataclasses.replace(CONFIG, epochs=6, divergence_retries=2)


def diverging(monkeypatch, step, times):
    """Let the update after update number `step` have a loss of NaN, the first `times` times that it is applied."""
    applied = []

    def spoilt(settings, channel_std, state, *others):
        now = int(state["step"])
        state, measures = update(settings, channel_std, state, *others)
        applied.append((now, settings.slowdown))
        if now == step and [each for each, _ in applied].count(step) <= times:
            measures = measures._replace(losses=measures.losses._replace(total=jnp.float32(np.nan)))
        return state, measures

    monkeypatch.setattr(fitting, "update", spoilt)
    return applied


def test_a_training_goes_back_with_half_the_learning_rate_and_records_it(tmp_path, monkeypatch):
    applied = diverging(monkeypatch, 14, times=2)
    with pytest.warns(UserWarning, match="goes back to update 12 and continues") as caught:
        train(TWICE, tmp_path)
    lines = [str(each.message) for each in caught]
    assert [line.partition("continues with ")[2] for line in lines] == [
        "0.5 times the learning rate (retry 1)",
        "0.25 times the learning rate (retry 2)",
    ]
    assert all(line.startswith("the loss is nan at update 15 (epoch 4, training)") for line in lines)
    assert [slowdown for step, slowdown in applied if step == 12] == [1.0, 0.5, 0.25]
    assert {slowdown for step, slowdown in applied if step > 15} == {0.25}
    records = read(tmp_path / "metrics.jsonl")
    assert [record["epoch"] for record in records if "epoch" in record] == list(range(1, 7))
    assert [record for record in records if "retry" in record] == [
        {"step": 12, "retry": n, "diverged_at": 15, "back_to": 12, "slowdown": 0.5**n} for n in (1, 2)
    ]


def test_the_number_of_retries_is_bounded(tmp_path, monkeypatch):
    applied = diverging(monkeypatch, 14, times=3)
    with pytest.raises(Diverged, match="update 15"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train(TWICE, tmp_path)
    assert [step for step, _ in applied].count(14) == 3


@pytest.mark.thorough
def test_a_stopped_training_continues_with_its_learning_rate_bitwise(tmp_path, monkeypatch):
    with monkeypatch.context() as patched, pytest.warns(UserWarning, match="retry 1"):
        diverging(patched, 14, times=1)
        whole = train(TWICE, tmp_path / "whole")
    with monkeypatch.context() as patched, pytest.warns(UserWarning, match="retry 1"):
        applied = diverging(patched, 14, times=1)
        original = fitting._record

        def stop(phases, epoch, *others):
            if epoch == 4:
                raise KeyboardInterrupt
            return original(phases, epoch, *others)

        patched.setattr(fitting, "_record", stop)
        with pytest.raises(KeyboardInterrupt):
            train(TWICE, tmp_path / "stopped")
    assert applied[-1] == (19, 0.5)
    assert_same_weights(train(TWICE, tmp_path / "stopped"), whole)
    without_seconds = [
        [record | {"seconds": 0} for record in read(tmp_path / name / "metrics.jsonl")]
        for name in ("whole", "stopped")
    ]
    assert without_seconds[0] == without_seconds[1]


@pytest.mark.thorough
def test_half_the_learning_rate_halves_the_changes_of_the_weights():
    config = dataclasses.replace(CONFIG, epochs=1, warmup_epochs=0, batch=14)
    before = weights(fresh())
    once, slowed = (_after_one_update(config, factor) for factor in (1.0, 0.5))
    for name, start in before.items():
        np.testing.assert_allclose(slowed[name] - start, (once[name] - start) / 2, rtol=1e-3, atol=2e-6)
    assert any((once[name] != start).any() for name, start in before.items())


def _after_one_update(config, factor):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fitting.RunOutput, "slowdown", factor)
        return weights(train(config))


@pytest.mark.thorough
def test_validations_that_blow_up_do_not_spoil_the_choice_of_the_best_weights(tmp_path, monkeypatch):
    """Two of ten validations have infinite errors, for one trajectory or for all; the others choose as without them."""
    calls = []

    class Spoilt(Validation):
        def __call__(self, *given):
            calls.append(1)
            errors = np.array(super().__call__(*given))
            if len(calls) in (1, 5):
                errors[: None if len(calls) == 1 else 1] = np.nan if len(calls) == 1 else np.inf
            return errors

    monkeypatch.setattr(fitting, "Validation", Spoilt)
    best = train(CONFIG, tmp_path)
    records = [record for record in read(tmp_path / "metrics.jsonl") if "kept" in record]
    assert [n for n, record in enumerate(records, 1) if record["validation_error"] is None] == [1, 5]
    assert not records[0]["kept"] and not records[4]["kept"]
    assert records[1]["kept"]
    kept = [record["validation_error"] for record in records if record["kept"]][-1]
    p = jnp.asarray(VALIDATION.parameters, jnp.float32)
    assert rollout_error(best.at(p)) == pytest.approx(kept, rel=1e-4)
