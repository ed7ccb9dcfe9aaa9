"""A training that starts from a surrogate: what is kept, what does not fit, and where it came from."""

import dataclasses
import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_trainings import CONFIG, MODEL, VALIDATION, advected, assert_same_weights, fresh

import cape
from cape.data import Data
from cape.datasets.fields import whole
from cape.datasets.initial_conditions import ConditionRecord
from cape.datasets.stores import MemoryStore
from cape.experiment import Experiment, recorded_settings, train
from cape.identification.equation import IdentifiedEquation
from cape.identification.terms import Factor, Term
from cape.locate import locate
from cape.model.config import ModelConfig
from cape.out_of_distribution import OtherResolution
from cape.paper.cape import PaperCAPEConfig
from cape.pretrained import load
from cape.problem import Problem
from cape.runs.search import find_runs
from cape.surrogate import Surrogate
from cape.training.automatic import AUTOMATIC_MODEL
from cape.training.build import build
from cape.training.curriculum import Autoregressive
from cape.training.joined_problem import joined_problem
from cape.training.optimisers import Muon
from cape.training.stages import first_stage
from cape.training.start import (
    StartConfig,
    fine_tuning,
    leave_out_known,
    record_before,
    record_of_start,
    settle,
)

SHORT = dataclasses.replace(CONFIG, epochs=2, warmup_epochs=0)
NEW = advected(12, seed=7)


@nnx.jit
def advance(surrogate, p, u):
    return surrogate.at(p)(u)


@pytest.fixture(autouse=True)
def usual_promotion():
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture(scope="module")
def start(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("starts") / "first"
    surrogate = fresh()
    surrogate.trained_on = (0, 1)
    surrogate.condition_record = ConditionRecord.of((advected(2, seed=0),))
    surrogate.save(folder)
    return str(folder)


def from_start(start: str, training=SHORT, **settings) -> Experiment:
    return Experiment(training=training, start=StartConfig(start, **settings), model=AUTOMATIC_MODEL).settled


def test_weights_statistics_and_architecture_are_those_of_the_start(start):
    origin, wider = load(start), dataclasses.replace(NEW, parameters=4 * NEW.parameters)
    surrogate = build(from_start(start), wider)
    assert_same_weights(surrogate, origin)
    problem = surrogate.problem
    assert surrogate.config == MODEL
    assert problem.channel_std == origin.problem.channel_std
    assert (problem.low, problem.high, problem.values) == ((0.5,), (4.0,), ((0.5,), (1.0,), (2.0,), (4.0,)))
    assert problem.scale == ((0.5,), (1.0,)) == origin.problem.scale
    assert not problem.outside(np.array([[4.0]])) and origin.problem.outside(np.array([[4.0]]))
    u, p = jnp.asarray(VALIDATION.read()[:, 0]), jnp.asarray(VALIDATION.parameters, jnp.float32)
    np.testing.assert_array_equal(advance(surrogate, p, u), advance(origin, p, u))
    beyond = [advance(surrogate, jnp.full((6, 1), beta, jnp.float32), u) for beta in (2.0, 4.0)]
    assert np.abs(beyond[0] - beyond[1]).max() > 1e-6  # new values are not clipped to the old range


def test_a_range_within_that_of_the_start_changes_nothing(start):
    problem = build(from_start(start), NEW).problem
    assert (problem.scale_low, problem.low, problem.high) == ((), (0.5,), (1.0,))
    assert joined_problem("", build(from_start(start), NEW), NEW) == problem


def test_an_identified_equation_is_kept(tmp_path):
    square = Term(0, (Factor(0, (2,)),))
    equation = IdentifiedEquation("squares", (square,), ((0.1, 0.3),), 2, 0.01, (0.1,), 0.5)
    Surrogate(Problem.of(NEW), MODEL, equation=equation, rngs=nnx.Rngs(0)).save(tmp_path / "a")
    assert build(from_start(str(tmp_path / "a")), NEW).equation == equation


def test_a_channel_that_is_no_longer_conserved_is_known_as_such(start):
    u = NEW.read() + 5.0 * NEW.times[None, :, None, None].astype(np.float32)
    assert load(start).problem.conserved == (True,)
    changed = dataclasses.replace(NEW, fields=whole(MemoryStore(u)))
    assert build(from_start(start), changed).problem.conserved == (False,)


@pytest.mark.thorough
def test_a_training_records_its_start_and_the_next_one_both(start, tmp_path):
    once = dataclasses.replace(SHORT, epochs=1)
    first = cape.train(NEW, start=start, training=once, folder=tmp_path / "b", progress=False)
    (stage,) = first.lineage
    samples = len(json.loads((tmp_path / "b" / "split.json").read_text())["training"])
    assert (stage.start, stage.trajectories, stage.epochs) == ("first", samples, 1)
    assert stage.data == ("<arrays in memory>",) and stage.text.startswith("from first (weights ")
    config = json.loads((tmp_path / "b" / "config.json").read_text())
    assert config["start"] == {"model": start, "weights_sha256": stage.weights_sha256}
    assert load(tmp_path / "b").lineage == first.lineage
    moved = shutil.copytree(start, tmp_path / "moved")
    resumed = cape.train(NEW, start=moved, training=once, folder=tmp_path / "b", progress=False)
    assert_same_weights(resumed, first)
    model = tmp_path / "b" / "model"
    cape.train(advected(12, seed=9), start=model, training=once, folder=tmp_path / "c", progress=False)
    second = load(tmp_path / "c")
    assert second.lineage[0] == stage and second.lineage[1].start == "b"
    assert record_before(second).earlier is not None
    assert second.condition_record.holds(advected(2, seed=0)).all()  # that the first one was trained on
    assert cape.evaluate(second, NEW).data.samples == 12 - samples - 1
    (summary,) = find_runs([tmp_path / "c"]).runs
    assert summary.starts == ("first", "b")


def test_the_first_training_is_the_first_stage_if_its_settings_are_recorded():
    assert first_stage(None) == ()
    (stage,) = first_stage(recorded_settings(locate("burgers1d")))
    assert stage.text == f"from random weights on simulated burgers, {stage.epochs} epochs"


def test_test_data_leave_out_what_the_start_was_trained_on(start):
    record = ConditionRecord.of((NEW.select(range(3)),))
    data = Data(NEW.select([10]), NEW.select([11]), NEW.select(range(6)))
    assert leave_out_known(data, None) is data
    assert leave_out_known(data, record).test.samples == 3
    with pytest.raises(
        ValueError, match="trained or validated on every initial condition kept for evaluation"
    ):
        leave_out_known(dataclasses.replace(data, test=NEW.select([1, 2])), record)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"channel_names": ("v",)},
            r"expected channels \('u',\), got \('v',\), as in .*first, which the training",
        ),
        ({"parameter_names": ("nu",)}, r"expected parameters \('beta',\), got \('nu',\)"),
        ({"boundaries": ("wall",)}, r"expected boundaries \('periodic',\), got \('wall',\)"),
        ({"times": 2 * NEW.times}, r"expected the time step 0\.1 of .*first, .* got 0\.2; give data with"),
        ({"times": NEW.times / 2}, r"expected the time step 0\.1 .* got 0\.05; set data\.time_stride = 2"),
        ({"coordinates": (3 * NEW.coordinates[0],)}, "expected the domain of length 1 of .*, got 3"),
    ],
)
def test_data_of_another_problem_are_refused(start, change, message):
    with pytest.raises(ValueError, match=message):
        build(from_start(start), dataclasses.replace(NEW, **change))


def test_another_grid_is_taken_if_the_weights_fit_it(start, tmp_path):
    with pytest.warns(OtherResolution, match="2 times coarser"):
        assert build(from_start(start), NEW.subsample(space=2)).problem.resolution == (8,)
    bound = dataclasses.replace(MODEL, conditioning=PaperCAPEConfig(widening=4, kernel=3))
    Surrogate(Problem.of(NEW), bound, rngs=nnx.Rngs(0)).save(tmp_path / "bound")
    with (
        pytest.warns(OtherResolution),
        pytest.raises(ValueError, match=r"expected a grid of 16 points, to which the weights .* got 8"),
    ):
        build(from_start(str(tmp_path / "bound")), NEW.subsample(space=2))


def test_another_architecture_is_refused_before_data_are_read(start):
    other = dataclasses.replace(MODEL, substeps=3)
    for train_it in (
        lambda: cape.train(NEW, start=start, model=other, progress=False),
        lambda: train(Experiment(model=other, start=StartConfig(start)), Data(None, None, None)),
    ):
        with pytest.raises(ValueError, match=r"another model \(model.substeps: 1 and 3\); .* leave out"):
            train_it()
    same = dataclasses.replace(MODEL, normalisation="auto")
    assert settle(StartConfig(start), same)[1] == MODEL == load(start).config
    with pytest.raises(ValueError, match="another model"):
        settle(StartConfig(start), ModelConfig())


def test_other_weights_than_the_recorded_ones_are_refused(start):
    with pytest.raises(ValueError, match=r"the weights of .*first have changed: SHA-256 .*, expected abc"):
        from_start(start, weights_sha256="abc")
    with pytest.raises(ValueError, match="expected a pretrained folder"):
        from_start(start + "-none")


def test_damaged_weights_are_refused(start, tmp_path):
    damaged = shutil.copytree(start, tmp_path / "damaged")
    for spoil in (lambda file: file.write_bytes(file.read_bytes()[:-9]), Path.unlink):
        spoil(damaged / "weights.safetensors")
        with pytest.raises(ValueError, match=r"weights\.safetensors: "):
            from_start(str(damaged))


def test_a_start_without_digests_counts_by_the_numbers_of_its_seed(start, tmp_path):
    surrogate = load(start)
    surrogate.condition_record = None
    surrogate.save(tmp_path)
    record = record_of_start(StartConfig(str(tmp_path)))
    assert (record.numbers, record.numbering, record.identities) == ((0, 1), "seed", ())


def test_the_default_settings_are_those_of_a_trained_model():
    training = fine_tuning(CONFIG, new_data=True)
    assert (training.epochs, training.batch, training.warmup_epochs) == (0, 0, 0)
    assert training.curriculum == Autoregressive() and training.objective == CONFIG.objective
    assert training.optimiser.learning_rate < 0.1 * Muon().learning_rate
    assert fine_tuning(CONFIG, new_data=False).epochs == CONFIG.epochs
    assert fine_tuning(training, new_data=True) == training  # also after a chain of them
