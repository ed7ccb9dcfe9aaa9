"""Divergence: numbers that are not finite end a training with the update, and are never saved or kept."""

import dataclasses
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_trainings import CONFIG, TRAINING, VALIDATION, rollout_error, train

from cape.datasets.batches import batch_indices
from cape.pretrained import load
from cape.training import attempt as fitting
from cape.training import run_output
from cape.training.best import BestWeights
from cape.training.checkpoint import Checkpoints
from cape.training.divergence import Diverged
from cape.training.log import read
from cape.training.optimisers import AdamW
from cape.training.update import update, warm_up_update
from cape.training.validation import Validation

pytestmark = pytest.mark.usefixtures("standard_promotion", "compiled_once")


def spoil(monkeypatch, number, part, name="update", original=update):
    """Multiply the losses or the weights by NaN from call `number`, counted from 1, of an update on.

    With "gradients", their norm is infinite instead.
    """
    calls = []

    def spoilt(*arguments):
        state, losses = original(*arguments)
        calls.append(1)
        if len(calls) < number:
            return state, losses
        if part == "gradients":
            return state, losses._replace(gradient_norm=jnp.float32(jnp.inf))
        nan = {"losses": losses, "weights": state["params"]}[part]
        nan = jax.tree.map(lambda a: a * jnp.nan, nan)
        return (state, nan) if part == "losses" else (state | {"params": nan}, losses)

    monkeypatch.setattr(fitting, name, spoilt)


def test_a_diverged_training_stops_and_keeps_the_best_weights(tmp_path, monkeypatch):
    spoil(monkeypatch, 5, "losses")
    with pytest.raises(
        Diverged, match=r"loss is nan at update 13 \(epoch 4, training\), .*; lower optimiser\.learning"
    ):
        train(folder=tmp_path)
    records = read(tmp_path / "metrics.jsonl")
    assert [record["epoch"] for record in records] == [1, 2, 3]
    p = jnp.asarray(VALIDATION.parameters, jnp.float32)
    assert rollout_error(load(tmp_path).at(p)) == pytest.approx(records[-1]["validation_error"], rel=1e-4)


@pytest.mark.thorough
def test_a_huge_learning_rate_diverges():
    config = dataclasses.replace(CONFIG, optimiser=AdamW(learning_rate=1e25, clip=0.0))
    with pytest.raises(Diverged):
        train(config)


def test_the_warm_up_has_its_own_learning_rate(monkeypatch):
    spoil(monkeypatch, 6, "losses", "warm_up_update", warm_up_update)
    message = r"at update 6 \(epoch 2, warm-up\), .*; lower warmup\.learning_rate or warmup\.clip; no weights are kept"
    with pytest.raises(Diverged, match=message):
        train()


@pytest.mark.thorough
def test_a_long_epoch_ends_soon_after_a_loss_that_is_not_finite(monkeypatch):
    monkeypatch.setattr(fitting, "_CHECKED_EVERY", 2)
    spoil(monkeypatch, 1, "losses")
    applied, record = [], fitting.update
    monkeypatch.setattr(fitting, "update", lambda *arguments: applied.append(1) or record(*arguments))
    with pytest.raises(Diverged, match="at update 9 "):
        train()
    assert len(applied) == 2  # of the 4 in an epoch


def test_the_message_names_the_norms_and_the_trajectories_of_the_update(monkeypatch):
    spoil(monkeypatch, 2, "gradients")
    with pytest.raises(Diverged) as caught:
        train()
    chosen = np.asarray(batch_indices(CONFIG.seed, 9, TRAINING.samples, CONFIG.batch))
    batch = ", ".join(f"{n} at beta={TRAINING.parameters[n, 0]:g}" for n in chosen)
    start = r"the gradient is not finite at update 10 \(epoch 3, training\), with gradient norm inf and weight norm "
    assert re.match(start + rf"[\d.]+, on initial conditions {batch}; lower", str(caught.value))
    assert (caught.value.update, caught.value.may_retry) == (10, True)


@pytest.mark.parametrize(
    ("number", "step"),
    [(4, 12), pytest.param(40, 48, marks=pytest.mark.thorough)],
    ids=["inside", "in the last update"],
)
def test_weights_that_are_not_finite_are_neither_validated_nor_saved(tmp_path, monkeypatch, number, step):
    spoil(monkeypatch, number, "weights")
    monkeypatch.setattr(run_output, "_SHARE", np.inf)  # a checkpoint after every epoch
    with pytest.raises(Diverged, match=rf"not finite after update {step} \(epoch {step // 4}, training\)"):
        train(folder=tmp_path)
    assert [record["epoch"] for record in read(tmp_path / "metrics.jsonl")] == list(range(1, step // 4))
    assert Checkpoints(tmp_path / "checkpoints").numbers()[0] == step - 4
    if step == 48:
        p = jnp.asarray(VALIDATION.parameters, jnp.float32)
        assert np.isfinite(rollout_error(load(tmp_path).at(p)))


@pytest.mark.thorough
def test_a_training_without_a_finite_validation_keeps_nothing_however_often_it_is_started(
    tmp_path, monkeypatch
):
    class NotFinite(Validation):
        def __call__(self, *_):
            return np.full(VALIDATION.samples, np.inf, np.float32)

    monkeypatch.setattr(fitting, "Validation", NotFinite)
    for _ in range(2):
        with pytest.raises(
            Diverged, match=r"every validation became infinite until update 48 .*no weights are kept"
        ):
            train(folder=tmp_path)
    assert not any(record.get("kept") for record in read(tmp_path / "metrics.jsonl"))
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_with_errors_that_are_not_finite_are_never_kept(value):
    best = BestWeights({"w": np.float32(0)}, {}, 2)
    bad, good = np.float32([value, 1]), np.float32([1, 1])
    assert not best.offer(bad, {"w": np.float32(1)}, {})
    assert best.offer(good, {"w": np.float32(2)}, {})
    assert not best.offer(bad, {"w": np.float32(3)}, {})
    assert (best.arrays["params"]["w"], best.lowest_error) == (2, 1)
