"""Training: it learns, stops and goes on bit by bit, keeps the best weights, and names what does not fit."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cape.commands.session import prepare_jax
from cape.datasets.trajectories import from_arrays
from cape.model.config import FNO, Cape, Film, ModelConfig
from cape.pretrained import load
from cape.problem import Problem
from cape.rollout import persistence, rollout
from cape.surrogate import Surrogate
from cape.training import fit as training
from cape.training.fit import Diverged, TrainingConfig, fit
from cape.training.log import read
from cape.training.optimisers import AdamW, PaperAdam
from cape.training.sampling import Ordered, Weighted
from cape.training.update import average, update
from cape.training.validation import no_worse

POINTS, FRAMES, DT = 16, 5, 0.1
MODEL = ModelConfig(FNO(width=4, modes=3, layers=1, projection=4, kernel=0), Cape(heads=8, width=4))
CONFIG = TrainingConfig(
    epochs=12,
    batch=4,
    warmup_epochs=2,
    warmup=AdamW(learning_rate=1e-1, weight_decay=0.0, rise=0.0, final=0.1),
    optimiser=AdamW(learning_rate=1e-2),
)

pytestmark = pytest.mark.usefixtures("standard_promotion")


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
    return from_arrays(
        u[..., None].astype(np.float32),
        beta[:, None],
        ("beta",),
        channel_names=("u",),
        coordinates=(x,),
        times=t,
        boundaries=("periodic",),
        equation="advection",
    )


TRAINING, VALIDATION = advected(14, seed=0), advected(6, seed=1)


@pytest.fixture(scope="module", autouse=True)
def compiled_once(compiled_programs):
    """Keep compiled programs for this module: every `fit` has its own optimiser and would compile anew."""
    prepare_jax()


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


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """A whole training without interruption: (surrogate, folder)."""
    folder = tmp_path_factory.mktemp("complete")
    with jax.numpy_dtype_promotion("standard"):
        return train(folder=folder), folder


def test_training_learns(complete):
    surrogate, folder = complete
    records = read(folder / "metrics.jsonl")
    assert records[-1]["prediction_loss"] < 0.5 * records[0]["prediction_loss"]
    p = jnp.asarray(VALIDATION.parameters, jnp.float32)
    assert rollout_error(surrogate.at(p)) < 0.5 * rollout_error(persistence)


def kept_error(folder):
    """Read the validation error of the weights that were kept."""
    return [record["validation_error"] for record in read(folder / "metrics.jsonl") if record.get("kept")][-1]


def test_the_weights_kept_are_the_last_that_validation_cannot_tell_from_the_best(complete):
    surrogate, folder = complete
    errors = [record.get("validation_error") for record in read(folder / "metrics.jsonl")]
    assert errors[:2] == [None, None]  # the warm-up trains a part: nothing to validate
    found = rollout_error(surrogate.at(jnp.asarray(VALIDATION.parameters, jnp.float32)))
    assert found == pytest.approx(kept_error(folder), rel=1e-4)
    assert found <= 1.5 * min(errors[2:])
    assert_same_weights(load(folder), surrogate)


def test_weights_are_no_worse_within_the_standard_error_of_the_difference():
    lowest = np.asarray([1.0, 2.0, 3.0, 4.0])
    assert no_worse(lowest, lowest) and no_worse(lowest - 0.1, lowest)
    assert not no_worse(lowest + 0.1, lowest)  # little, but for every trajectory alike
    scattered = np.asarray([0.5, -0.4, 0.5, -0.4])  # mean 0.05, standard error 0.26
    assert no_worse(lowest + scattered, lowest) and not no_worse(lowest + scattered + 0.3, lowest)
    gone = np.asarray([1.0, np.inf, np.nan, 1.0])
    assert not no_worse(gone, lowest) and no_worse(lowest, gone) and not no_worse(gone, gone)
    assert no_worse(lowest[:1], lowest[:1]) and not no_worse(lowest[:1] + 0.1, lowest[:1])


def test_only_weights_that_are_no_worse_are_kept(tmp_path, monkeypatch):
    judged = []

    def third_alone(errors, lowest):
        judged.append(float(errors.mean()))
        return len(judged) == 3

    monkeypatch.setattr(training, "no_worse", third_alone)
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


class Killed(Exception):
    pass


def killed_at(monkeypatch, validation):
    """Let a training die in its validation number `validation`, counted from 1."""
    make, calls = training.Validation, []

    def make_killer(*arguments):
        validate = make(*arguments)

        def killer(*weights):
            calls.append(1)
            if len(calls) == validation:
                raise Killed
            return validate(*weights)

        return killer

    monkeypatch.setattr(training, "Validation", make_killer)


@pytest.mark.parametrize("validation", [1, 2, 10])
def test_a_training_stopped_and_resumed_is_the_same_bit_by_bit(complete, tmp_path, monkeypatch, validation):
    with monkeypatch.context() as patched, pytest.raises(Killed):
        killed_at(patched, validation)
        train(folder=tmp_path)
    assert_same_weights(train(folder=tmp_path), complete[0])
    stopped, whole = (read(folder / "metrics.jsonl") for folder in (tmp_path, complete[1]))
    assert [{**record, "seconds": 0} for record in stopped] == [{**record, "seconds": 0} for record in whole]


def test_a_finished_training_is_not_trained_further(complete):
    assert_same_weights(train(folder=complete[1]), complete[0])
    assert len(read(complete[1] / "metrics.jsonl")) == CONFIG.epochs


def test_streaming_gives_the_same_weights_bit_by_bit(complete):
    assert_same_weights(train(dataclasses.replace(CONFIG, storage="stream")), complete[0])


def test_a_data_curriculum_by_its_own_loss_trains_and_resumes_bit_by_bit(complete, tmp_path, monkeypatch):
    config = dataclasses.replace(CONFIG, sampling=Weighted())
    whole = train(config)
    assert not np.array_equal(*(weights(s)["conditioned.base.out.weight"] for s in (whole, complete[0])))
    with monkeypatch.context() as patched, pytest.raises(Killed):
        killed_at(patched, 12)  # of both kinds: losses of the training data, and validation errors
        train(config, tmp_path)
    assert_same_weights(train(config, tmp_path), whole)


def test_streamed_data_are_not_drawn_by_chance():
    with pytest.raises(ValueError, match="training.sampling: streamed data are drawn once an epoch"):
        TrainingConfig(sampling=Ordered(), storage="stream")


def test_averaged_weights_are_those_validated_and_kept(complete, tmp_path):
    averaged = train(dataclasses.replace(CONFIG, ema=0.5), tmp_path)
    plain, mean = (weights(s)["conditioned.base.out.weight"] for s in (complete[0], averaged))
    assert not np.array_equal(plain, mean)
    found = rollout_error(averaged.at(jnp.asarray(VALIDATION.parameters, jnp.float32)))
    assert found == pytest.approx(kept_error(tmp_path), rel=1e-4)


def test_the_average_forgets_its_start_and_then_follows_its_decay():
    old, new = {"w": jnp.asarray(0.0)}, {"w": jnp.asarray(1.0)}
    assert float(average(old, new, 0.99, jnp.int32(0))["w"]) == pytest.approx(0.9)
    assert float(average(old, new, 0.99, jnp.int32(100_000))["w"]) == pytest.approx(0.01)
    assert average((), new, 0.0, jnp.int32(3)) == ()


def test_a_second_training_of_the_same_shapes_compiles_nothing_anew(complete):
    compiled = update._cache_size()
    assert compiled > 0
    train(dataclasses.replace(CONFIG, epochs=12))
    assert update._cache_size() == compiled


def test_a_conditioning_without_a_guess_trains_from_the_first_epoch(tmp_path):
    config = dataclasses.replace(CONFIG, epochs=3)
    train(config, tmp_path, dataclasses.replace(MODEL, conditioning=Film(width=4)))
    assert [record["phase"] for record in read(tmp_path / "metrics.jsonl")] == ["training"] * 3


def test_a_diverged_training_stops_and_keeps_the_best_weights(tmp_path, monkeypatch):
    calls = []

    def spoilt(*arguments):
        state, losses = update(*arguments)
        calls.append(1)
        return state, losses if len(calls) <= 4 else jax.tree.map(lambda a: a * jnp.nan, losses)

    monkeypatch.setattr(training, "update", spoilt)
    with pytest.raises(Diverged, match="the loss is nan in epoch 4; lower optimiser.learning_rate"):
        train(folder=tmp_path)
    records = read(tmp_path / "metrics.jsonl")
    assert [record["epoch"] for record in records] == [1, 2, 3]
    p = jnp.asarray(VALIDATION.parameters, jnp.float32)
    assert rollout_error(load(tmp_path).at(p)) == pytest.approx(records[-1]["validation_error"], rel=1e-4)


def test_a_huge_learning_rate_diverges():
    config = dataclasses.replace(CONFIG, optimiser=AdamW(learning_rate=1e25, clip=0.0))
    with pytest.raises(Diverged):
        train(config)


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


@pytest.mark.parametrize(
    ("config", "model"),
    [
        (CONFIG, dataclasses.replace(MODEL, base=dataclasses.replace(MODEL.base, width=5))),
        (dataclasses.replace(CONFIG, ema=0.9), MODEL),
        (dataclasses.replace(CONFIG, optimiser=PaperAdam()), MODEL),
    ],
    ids=["wider", "averaged", "other optimiser"],
)
def test_a_checkpoint_of_another_configuration_is_named(complete, config, model):
    with pytest.raises(ValueError, match="does not fit the configured model and optimiser"):
        train(config, complete[1], model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "training.epochs: expected at least 1, got 0"),
        ({"batch": 0}, "training.batch: expected at least 1"),
        ({"warmup_epochs": 12}, "training.warmup_epochs: expected 0 to 11 of 12 epochs, got 12"),
        ({"ema": 1.0}, r"training.ema: expected a decay in \[0, 1\), got 1.0"),
    ],
)
def test_impossible_settings_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **changes)
