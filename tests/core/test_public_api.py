"""The public names of the package: light to import, and a whole study in a few lines."""

import dataclasses
import subprocess
import sys

import jax
import numpy as np
import pytest
from small_trainings import DT, FRAMES, MODEL, POINTS, advected

import cape
from cape.training.config import TrainingConfig
from cape.training.optimisers import AdamW

CONFIG = TrainingConfig(epochs=1, warmup_epochs=0, batch=4, optimiser=AdamW())


@pytest.fixture(scope="module")
def data():
    u = advected(24, seed=0).read()[..., 0]
    beta = np.repeat([0.5, 1.0, 2.0], 8)
    numbers = np.tile(np.arange(8), 3)
    return cape.from_arrays(
        u, {"beta": beta}, dx=1 / POINTS, dt=DT, equation="advection", initial_conditions=numbers
    )


def train(data, **settings):
    with jax.numpy_dtype_promotion("standard"):
        return cape.train(data, model=MODEL, training=CONFIG, progress=False, **settings)


@pytest.fixture(scope="module")
def surrogate(data):
    return train(data, held_out={"beta": 1.0}, test=0.25)


def test_every_public_name_resolves_and_no_other_is_listed():
    assert sorted(set(dir(cape)) - {"__version__"}) == sorted(cape.__all__)
    for name in cape.__all__:
        assert getattr(cape, name) is not None
    assert all(getattr(cape, name).__doc__ for name in cape.__all__)
    with pytest.raises(AttributeError, match="no attribute 'trian'; public are .*train"):
        cape.trian  # noqa: B018


def test_importing_the_package_is_quick_and_imports_no_jax():
    code = (
        "import sys, time; t = time.perf_counter(); import cape; print(time.perf_counter() - t, *sys.modules)"
    )
    times = []
    for _ in range(3):  # the machine may be busy
        seconds, *modules = subprocess.check_output([sys.executable, "-c", code], text=True).split()
        assert not {"jax", "flax", "numpy"} & set(modules)
        times.append(float(seconds))
    assert min(times) < 0.2


def test_a_held_out_value_and_a_part_of_the_initial_conditions_are_not_trained_on(surrogate):
    assert surrogate.problem.training_values.tolist() == [[0.5], [2.0]]
    assert surrogate.config == dataclasses.replace(MODEL, normalisation="channel")  # chosen by the data
    assert len(surrogate.trained_on) == 6 and set(surrogate.trained_on) < set(range(8))


def test_evaluation_leaves_out_what_was_trained_on(surrogate, data):
    report = cape.evaluate(surrogate, data)
    assert {(row.parameters["beta"], row.kind, row.samples) for row in report.evaluation.rows} == {
        (0.5, "seen", 2),
        (1.0, "interpolated", 2),
        (2.0, "seen", 2),
    }
    everything = cape.evaluate(surrogate, data, all_samples=True)
    assert [row.samples for row in everything.evaluation.rows] == [8, 8, 8]
    with pytest.raises(
        ValueError, match="every initial condition was trained or validated on; give other data"
    ):
        cape.evaluate(surrogate, data.select(np.isin(data.initial_conditions, surrogate.trained_on)))


@pytest.mark.parametrize(
    ("held_out", "kept"),
    [
        ({"beta": [0.5, 2.0]}, {1.0}),
        ({"beta": np.asarray([2.0])}, {0.5, 1.0}),
        ([{"beta": 0.5}], {1.0, 2.0}),
        ((), {0.5, 1.0, 2.0}),
    ],
)
def test_values_are_held_out_by_a_mapping_or_by_combinations(data, held_out, kept, monkeypatch):
    found = []

    def no_training(experiment, parts, *arguments, **settings):
        found.append(parts)
        raise KeyboardInterrupt

    monkeypatch.setattr("cape.experiment.train", no_training)
    with pytest.raises(KeyboardInterrupt):
        cape.train(data, held_out=held_out)
    assert set(found[0].training.parameters[:, 0].tolist()) == kept
    assert set(found[0].test.parameters[:, 0].tolist()) == {0.5, 1.0, 2.0}


def test_a_held_out_value_that_the_data_do_not_have_is_refused(data):
    with pytest.raises(
        ValueError, match=r"data\.held_out: no sample has beta=0\.7, the data have beta 0\.5, 1, 2"
    ):
        cape.train(data, held_out={"beta": 0.7})


def test_a_saved_surrogate_loads_bitwise_and_knows_what_it_was_trained_on(surrogate, data, tmp_path):
    surrogate.save(tmp_path / "mine")
    again = cape.load(tmp_path / "mine")
    u0 = data.read()[:2, 0]
    frames = again.rollout(u0, {"beta": 0.7}, FRAMES - 1)
    assert frames.shape == (2, FRAMES - 1, POINTS, 1)
    np.testing.assert_array_equal(frames, surrogate.rollout(u0, {"beta": 0.7}, FRAMES - 1))
    assert again.trained_on == surrogate.trained_on


def test_a_folder_gets_a_run_that_can_be_loaded(data, surrogate, tmp_path):
    trained = train(data, held_out=[{"beta": 1.0}], test=0.25, folder=tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"config.json", "split.json", "metrics.jsonl", "checkpoints", "model"} <= names
    again = cape.load(tmp_path / "run")
    assert again.trained_on == trained.trained_on == surrogate.trained_on
