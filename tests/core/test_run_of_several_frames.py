"""A run whose steps take three frames and give two: evaluation, prediction, publishing and export."""

import zipfile

import jax
import jax.export
import numpy as np
import pytest

import cape
from cape.data import DataConfig, SimulationConfig
from cape.datasets.opening import open_files
from cape.datasets.simulate.writer import write
from cape.evaluation.evaluate import evaluate
from cape.evaluation.protocols import Study, run_protocols
from cape.experiment import Experiment, run
from cape.inference.initial_conditions_from_files import InitialConditionsFromFiles
from cape.inference.predict import predict
from cape.inference.simulated_initial_conditions import SimulatedInitialConditions
from cape.model.conditionings.cape import CAPEConfig
from cape.model.config import ModelConfig
from cape.release.export import PROGRAM, export
from cape.release.publish import publish
from cape.solvers.fno import FNOConfig
from cape.training.config import TrainingConfig
from cape.training.optimisers import AdamW
from cape.window import Window

SMALL = FNOConfig(width=6, modes=3, layers=1, projection=8)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("window")
    simulation = SimulationConfig(
        "advection", ("beta=0.5,1,2",), samples=6, resolution=16, frames=9, t_end=0.8
    )
    data = DataConfig(simulation=simulation, folder=str(folder / "data"), test=0.34, validation=0.17)
    model = ModelConfig(SMALL, CAPEConfig(heads=2), history=3, bundle=2)
    experiment = Experiment(
        data, model, TrainingConfig(epochs=2, batch=4, warmup_epochs=0, optimiser=AdamW())
    )
    with jax.numpy_dtype_promotion("standard"):  # optax
        evaluation = run(experiment, folder / "run", progress=False, figures=False)
    return folder / "run", evaluation


def test_a_run_is_evaluated_after_the_frames_given(finished):
    folder, evaluation = finished
    np.testing.assert_allclose(evaluation.times, 0.1 * np.arange(3, 9))
    example = evaluation.examples[0]
    np.testing.assert_array_equal(example.prediction[:3], example.truth[:3])
    assert len(example.truth) == len(example.prediction) == 9
    surrogate = cape.load(folder)
    assert surrogate.window == Window(3, 2)
    data = open_files(next((folder.parent / "data").glob("*")))
    again = evaluate(surrogate.at, data, surrogate.problem.training_values, window=surrogate.window)
    study = Study(surrogate.at, data, again, surrogate.trained_steps, surrogate.window, finer=data)
    protocols = run_protocols(study)
    assert protocols["resolution"][0]["ratio"] == pytest.approx(1.0, rel=1e-5)
    assert {row["samples"] for row in protocols["response"]} == {6}


def test_predictions_start_from_frames_of_files_or_of_the_simulator(finished, tmp_path):
    folder, _ = finished
    files = next((folder.parent / "data").glob("*"))
    surrogate = cape.load(folder)
    truth = open_files(files)
    written = open_files(
        predict(folder, InitialConditionsFromFiles((files,)), tmp_path / "a.hdf5", 5, progress=False)
    )
    assert written.frames == 8
    np.testing.assert_array_equal(written.read()[:, :3], truth.read()[:, :3])
    expected = surrogate.rollout(truth.read()[:, :3], truth.parameters, 5)
    np.testing.assert_allclose(written.read()[:, 3:], expected, rtol=1e-4, atol=1e-5)

    source = SimulatedInitialConditions(2, seed=0)
    drawn = open_files(predict(folder, source, tmp_path / "b.hdf5", 4, ["beta=2"], progress=False))
    same = truth.select(np.flatnonzero(truth.parameters[:, 0] == 2)[:2])
    np.testing.assert_allclose(drawn.read()[:, :3], same.read()[:, :3], rtol=1e-5, atol=1e-5)


def test_frames_given_are_not_continued_at_other_parameters(finished, tmp_path):
    folder, _ = finished
    files = next((folder.parent / "data").glob("*"))
    with pytest.raises(ValueError, match="a step takes 3 frames, and the frames of the files belong to"):
        predict(
            folder, InitialConditionsFromFiles((files,)), tmp_path / "a.hdf5", 2, ["beta=1.5"], progress=False
        )
    assert not (tmp_path / "a.hdf5").exists()


def test_too_few_frames_to_start_from_are_refused(finished, tmp_path):
    folder, _ = finished
    short = open_files(next((folder.parent / "data").glob("*"))).first_frames(2)
    names = ("parameters", "parameter_names", "channel_names", "coordinates", "times", "initial_conditions")
    layout = {name: getattr(short, name) for name in names}
    attributes = {"equation": "advection", "boundary": "periodic"}
    write(tmp_path / "short.hdf5", short.read(), **layout, attributes=attributes)
    with pytest.raises(ValueError, match="expected 3 frames to start from, got 2"):
        predict(
            folder,
            InitialConditionsFromFiles((tmp_path / "short.hdf5",)),
            tmp_path / "out.hdf5",
            1,
            progress=False,
        )


@pytest.mark.thorough
def test_chunks_of_a_long_prediction_are_the_prediction_at_once(finished, tmp_path, monkeypatch):
    folder, _ = finished
    files = next((folder.parent / "data").glob("*"))
    whole_one = predict(
        folder, InitialConditionsFromFiles((files,), 2), tmp_path / "a.hdf5", 6, progress=False
    )
    monkeypatch.setattr(
        "cape.inference.predict._CHUNK_VALUES", 2 * 16 * 3
    )  # three frames of two samples: not a bundle
    pieces = predict(folder, InitialConditionsFromFiles((files,), 2), tmp_path / "b.hdf5", 6, progress=False)
    np.testing.assert_allclose(open_files(pieces).read(), open_files(whole_one).read(), rtol=1e-4, atol=1e-5)


@pytest.mark.thorough
def test_a_published_surrogate_comes_with_enough_frames(finished, tmp_path):
    folder, _ = finished
    out = publish(folder, tmp_path / "waves", progress=False)
    sample = open_files(out / "sample.hdf5")
    surrogate = cape.load(out)
    assert sample.frames == 9
    assert ".read()[:, :3]" in (out / "README.md").read_text()
    assert surrogate.rollout(sample.read()[:, :3], sample.parameters, 6).shape[1] == 6


@pytest.mark.thorough
def test_an_exported_rollout_takes_the_frames_given(finished, tmp_path):
    pytest.importorskip("flatbuffers")
    folder, _ = finished
    metadata = export(folder, tmp_path / "model.stablehlo", steps=5)
    assert metadata["inputs"]["u0"] == "float32 [batch, 3 frames, *space, channel]"
    with zipfile.ZipFile(tmp_path / "model.stablehlo") as archive:
        program = jax.export.deserialize(bytearray(archive.read(PROGRAM)))
    u0 = np.random.default_rng(0).normal(size=(2, 3, 16, 1)).astype(np.float32)
    p = np.array([[0.5], [1.0]], np.float32)
    expected = cape.load(folder).rollout(u0, p, 5)
    np.testing.assert_allclose(program.call(u0, p), expected, rtol=1e-4, atol=1e-5)
