"""Steps that take several frames and give several: history, temporal bundling; and substeps."""

import dataclasses
import zipfile

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import cape
from cape.data import DataConfig, SimulationConfig
from cape.datasets.opening import open_files
from cape.datasets.simulate.writer import write
from cape.datasets.symmetries import Augmentation
from cape.datasets.trajectories import Trajectories, from_arrays
from cape.evaluation.evaluate import evaluate
from cape.evaluation.protocols import run_protocols
from cape.experiment import Experiment, build, run
from cape.inference.initial_conditions_from_files import InitialConditionsFromFiles
from cape.inference.predict import predict
from cape.inference.simulated_initial_conditions import SimulatedInitialConditions
from cape.model.config import FNO, Cape, Film, ModelConfig, PaperFNO, Unaware
from cape.out_of_distribution import LongerThanTrained
from cape.problem import Problem
from cape.release.export import PROGRAM, export
from cape.release.publish import publish
from cape.surrogate import Surrogate
from cape.training import batches as feed
from cape.training import log as records
from cape.training.fit import TrainingConfig, fit
from cape.training.objective import Objective
from cape.training.sampling import Draw, EveryTrajectory
from cape.window import ONE_FRAME, Window

SMALL = FNO(width=6, modes=3, layers=2, projection=8)


# ---- states -------------------------------------------------------------------------------------------------------


def numbered(time, batch=2, points=3, channels=2):
    """Frames whose values tell where they are from: 100·time + 10·channel + batch."""
    b, t, _, c = np.ogrid[:batch, :time, :points, :channels]
    return np.broadcast_to(100.0 * t + 10.0 * c + b, (batch, time, points, channels)).astype(np.float32)


def test_states_hold_the_last_frames_oldest_first():
    states = np.asarray(Window(3, 2).states(jnp.asarray(numbered(8))))
    assert states.shape == (2, 3, 3, 6)  # of frames 0 to 2, 2 to 4, 4 to 6; frame 7 makes no whole step
    np.testing.assert_array_equal(states[0, 1, 0], [200, 210, 300, 310, 400, 410])
    frames = jnp.asarray(numbered(4))
    assert ONE_FRAME.states(frames) is frames
    for history, bundle, frames in ((3, 2, 8), (3, 3, 9), (4, 1, 9), (1, 1, 5)):
        window = Window(history, bundle)
        assert window.transitions(frames) + 1 == window.states(jnp.asarray(numbered(frames))).shape[1]


@pytest.mark.parametrize(("history", "bundle"), [(2, 1), (2, 2), (4, 2), (5, 3)])
def test_a_step_that_knows_a_recurrence_continues_it(history, bundle):
    """uₜ = 2 uₜ₋₁ − uₜ₋₂ is solved by no step from one frame."""
    window = Window(history, bundle)
    start, slope = np.random.default_rng(0).normal(size=(2, 3, 1, 4, 1))
    truth = (start + slope * np.arange(14)[:, None, None]).astype(np.float32)

    def step(state):
        frames = jnp.split(state, history, -1)
        for _ in range(bundle):
            frames.append(2 * frames[-1] - frames[-2])
        return jnp.concatenate(frames[-history:], -1)

    frames = window.rollout(step, jnp.asarray(truth[:, :history]), 14 - history)
    np.testing.assert_allclose(frames, truth[:, history:], rtol=1e-4, atol=1e-4)


def test_impossible_windows_are_refused():
    with pytest.raises(ValueError, match="model.bundle: expected 1 to 2 frames"):
        ModelConfig(history=2, bundle=3)
    with pytest.raises(ValueError, match="model.history: expected at least 1"):
        ModelConfig(history=0)
    with pytest.raises(ValueError, match="model.substeps: expected at least 1"):
        ModelConfig(substeps=0)
    with pytest.raises(ValueError, match=r"expected 3 frame\(s\) to start from, got 2"):
        Window(3).rollout(lambda u: u, jnp.zeros((1, 2, 4, 1)), 1)
    with pytest.raises(
        ValueError, match="file: 3 frames are given to a rollout, expected more than that, got 3"
    ):
        Window(3).predicted(3, "file")


# ---- surrogates ---------------------------------------------------------------------------------------------------


def problem(**changes) -> Problem:
    settings = {
        "equation": "unknown",
        "channels": ("u", "v"),
        "parameters": ("nu",),
        "boundaries": ("periodic",),
        "resolution": (16,),
        "origin": (0.0,),
        "length": (1.0,),
        "dt": 0.1,
        "steps": 7,
        "channel_mean": (0.5, -2.0),
        "channel_std": (1.0, 3.0),
        "channel_drift": (0.0, 1.0),
        "low": (0.1,),
        "high": (1.0,),
    }
    return Problem(**settings | changes)


@pytest.mark.parametrize(
    ("normalise", "conditioning"), [("sample", Cape(heads=2)), ("channel", Film()), ("off", Cape(heads=2))]
)
def test_a_step_keeps_what_is_known_and_conserves_the_mean_of_what_is_new(normalise, conditioning):
    config = ModelConfig(SMALL, conditioning, normalise, history=3, bundle=2)
    surrogate = Surrogate(problem(), config, rngs=nnx.Rngs(0))
    u = jnp.asarray(np.random.default_rng(1).normal(size=(2, 16, 6)), jnp.float32)
    u = u.at[..., ::2].add(1.0 - u[..., ::2].mean(1, keepdims=True))  # u has a mean of 1 in all frames
    following = jax.jit(surrogate.at(jnp.full((2, 1), 0.3)))(u)
    np.testing.assert_array_equal(following[..., :2], u[..., -2:])
    assert np.abs(following[..., 2:] - u[..., 2:]).max() > 1e-3
    np.testing.assert_allclose(following[..., ::2].mean(1), 1.0, atol=1e-5)


def test_frames_in_their_own_units_share_them_within_a_window():
    """A window that is twice as large is advanced to one twice as large where nobody is told how large it is."""
    config = ModelConfig(SMALL, Unaware(), history=2)
    one = Surrogate(problem(channel_drift=()), config, rngs=nnx.Rngs(0))
    assert len(one.normalisation.seen.parameters) == 1 + 2 * 2
    u = jnp.asarray(np.random.default_rng(2).normal(size=(1, 16, 4)), jnp.float32)
    step = jax.jit(one.at(jnp.ones((1, 1))))
    np.testing.assert_allclose(step(2 * u), 2 * step(u), rtol=2e-4, atol=2e-4)
    scaled = u.at[..., :2].multiply(3.0)  # one frame alone: another shape of window
    assert np.abs(step(scaled)[..., 2:] - step(u)[..., 2:]).max() > 1e-2


@pytest.mark.parametrize("channels", [("u",), ("u", "v")])
def test_only_the_parameters_move_and_diffuse_at_first(channels):
    """Not the scale of a frame, nor its mean, however many frames a step takes."""
    statistics = {"channel_mean": (0.0, 0.0), "channel_std": (1.0, 1.0), "channel_drift": ()}
    statistics = {name: values[: len(channels)] for name, values in statistics.items()}
    for history in (1, 2):
        config = ModelConfig(SMALL, Cape(heads=4), history=history)
        surrogate = Surrogate(problem(channels=channels, **statistics), config, rngs=nnx.Rngs(0))
        block = surrogate.conditioned.block
        moved = np.abs(block.displacement[...]).max((0, 2))
        diffused = np.asarray(block.log_diffusion[...]).max(0)
        assert moved.shape == (2 + 2 * len(channels),)
        assert moved[1] > 0 and not moved[[0, *range(2, len(moved))]].any()
        assert diffused[1] > -10 > np.delete(diffused, 1).max()


def test_a_state_of_another_number_of_frames_is_refused():
    for normalise in ("sample", "channel"):
        config = ModelConfig(SMALL, Film(), normalise, history=2)
        surrogate = Surrogate(problem(), config, rngs=nnx.Rngs(0))
        with pytest.raises(
            ValueError, match=r"expected a state of 2 frame\(s\) of the channel\(s\) \('u', 'v'\)"
        ):
            surrogate.at(jnp.ones((1, 1)))(jnp.zeros((1, 16, 2)))
    with pytest.raises(ValueError, match="model.history: expected at most 7 of the 8 frames"):
        Surrogate(problem(), ModelConfig(SMALL, Film(), history=8), rngs=nnx.Rngs(0))


def test_places_are_shown_where_there_are_some_to_show():
    for boundaries, base in ((("wall",), SMALL), (("periodic",), PaperFNO(width=4, modes=2, layers=1))):
        with pytest.raises(ValueError, match="model.place: expected a periodic axis and a base that is not"):
            Surrogate(problem(boundaries=boundaries), ModelConfig(base, Film(), place=True), rngs=nnx.Rngs(0))


def test_a_surrogate_of_several_frames_rolls_out_frames():
    config = ModelConfig(SMALL, Cape(heads=2), history=3, bundle=2)
    surrogate = Surrogate(problem(), config, rngs=nnx.Rngs(0))
    u0 = jnp.asarray(np.random.default_rng(3).normal(size=(2, 3, 16, 2)), jnp.float32)
    frames = surrogate.rollout(u0, {"nu": 0.5}, 5)
    assert frames.shape == (2, 5, 16, 2)
    step = jax.jit(surrogate.at(jnp.full((2, 1), 0.5)))
    state = jnp.concatenate([u0[:, i] for i in range(3)], -1)
    for first in (0, 2):
        state = step(state)
        expected = jnp.stack([state[..., 2:4], state[..., 4:]], 1)
        np.testing.assert_allclose(frames[:, first : first + 2], expected, rtol=1e-5, atol=1e-5)
    assert surrogate.trained_steps == 5
    with pytest.warns(LongerThanTrained, match="6 steps .trained on up to 5"):
        surrogate.rollout(u0, {"nu": 0.5}, 6)
    for wrong in (u0[:, 0], u0[:, :2]):
        with pytest.raises(ValueError, match="expected u0 .batch, 3 frames, 1 space axes, 2 channel"):
            surrogate.rollout(wrong, {"nu": 0.5}, 1)


def test_substeps_apply_the_same_network_again():
    config = ModelConfig(SMALL, Cape(heads=2))
    once = Surrogate(problem(), config, rngs=nnx.Rngs(0))
    thrice = Surrogate(problem(), dataclasses.replace(config, substeps=3), rngs=nnx.Rngs(0))
    u, p = jnp.asarray(np.random.default_rng(4).normal(size=(2, 16, 2)), jnp.float32), jnp.full((2, 1), 0.4)
    step = jax.jit(once.at(p))
    np.testing.assert_allclose(jax.jit(thrice.at(p))(u), step(step(step(u))), rtol=1e-5, atol=1e-5)


# ---- training -----------------------------------------------------------------------------------------------------


def waves_of_either_direction(samples=48, frames=8, points=16) -> Trajectories:
    """Waves that move by a point a frame, one half to the left: which half, one frame does not tell."""
    random = np.random.default_rng(5)
    x = 2 * np.pi * np.arange(points) / points
    phase, size = 2 * np.pi * random.uniform(size=(samples, 2)), random.uniform(0.5, 1.5, (samples, 2))
    way = np.where(np.arange(samples) % 2, 1.0, -1.0)[:, None, None] * np.arange(frames)[:, None] * x[1]
    u = sum(size[:, k, None, None] * np.cos((k + 1) * (x - way) + phase[:, k, None, None]) for k in (0, 1))
    return from_arrays(
        u[..., None],
        1.0 + np.arange(samples)[:, None] // 2 % 2,  # what it is told does not tell either
        ("nu",),
        channel_names=("u",),
        coordinates=((np.arange(points) + 0.5) / points,),
        times=0.1 * np.arange(frames),
        boundaries=("periodic",),
        equation="unknown",
    )


@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.parametrize("objective", [Objective(noise=0.0), Objective(noise=0.0, gradients="through_time")])
def test_with_two_frames_a_surrogate_knows_which_way_waves_go(objective):
    data = waves_of_either_direction()
    training, validation = data.select(np.arange(40)), data.select(np.arange(40, 48))
    config = TrainingConfig(epochs=24, batch=8, warmup_epochs=0, objective=objective, validate_every=8)
    errors = {}
    for history in (1, 2):
        model = ModelConfig(SMALL, Film(), "channel", history=history)
        surrogate = build(Experiment(model=model, training=config), training)
        surrogate = fit(surrogate, training, validation, config, progress=False)
        values, window = surrogate.problem.training_values, surrogate.window
        errors[history] = evaluate(surrogate.at, validation, values, window=window).summary["seen"]["nRMSE"]
    assert errors[2] < 0.2 < 0.6 < errors[1]


def test_too_few_frames_to_learn_a_step_are_refused():
    data = waves_of_either_direction(frames=4)
    config = TrainingConfig(epochs=2, batch=8)
    surrogate = build(
        Experiment(model=ModelConfig(SMALL, Film(), history=3, bundle=2), training=config), data
    )
    with pytest.raises(ValueError, match="expected at least 5 frames to learn a step, got 4"):
        fit(surrogate, data, data, config, progress=False)


def test_strides_are_drawn_anew_for_every_update_and_again_when_resumed():
    data = dataclasses.replace(
        waves_of_either_direction(frames=9), equation="advection", parameter_names=("beta",)
    )
    augmentation = Augmentation(strides=(1, 2, 4))

    def fed(start, count):
        batches = feed.resident(data, 3, 8, start, Draw(EveryTrajectory(), data, None, 3))
        batches = feed.augmented(batches, Problem.of(data), augmentation, 3, start)
        return [next(batches) for _ in range(count)]

    first, later = fed(0, 12), fed(7, 5)
    assert {frames.shape[1] for frames, _ in first} == {9, 5, 3}
    for (frames, p), (again, q) in zip(first[7:], later, strict=True):
        np.testing.assert_array_equal(frames, again)
        np.testing.assert_array_equal(p, q)
    for frames, p in first:
        assert set(np.unique(p)) == {8 / (frames.shape[1] - 1), 16 / (frames.shape[1] - 1)}


@pytest.mark.usefixtures("standard_promotion")
def test_the_loss_of_batches_of_other_lengths_is_one_a_step(tmp_path):
    data = dataclasses.replace(
        waves_of_either_direction(frames=9), equation="advection", parameter_names=("beta",)
    )
    experiment = Experiment(model=ModelConfig(SMALL, Film()))
    losses = {}
    for strides in ((1,), (1, 4)):
        training = TrainingConfig(
            epochs=1, batch=8, warmup_epochs=0, augmentation=Augmentation(strides=strides)
        )
        fit(build(experiment, data), data, data, training, tmp_path / str(len(strides)), progress=False)
        losses[strides] = records.read(tmp_path / str(len(strides)) / "metrics.jsonl")[0]["loss"]
    assert (
        1.5 < losses[1, 4] / losses[1,] < 3.0
    )  # four points a step are harder; few steps do not make them less
    training = dataclasses.replace(training, augmentation=Augmentation(strides=(9,)))
    with pytest.raises(
        ValueError, match="every 9th of 9 frames is too few to learn a step, expected at least 2"
    ):
        fit(build(experiment, data), data, data, training, progress=False)


# ---- the way of a user --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("window")
    simulation = SimulationConfig(
        "advection", ("beta=0.5,1,2",), samples=6, resolution=16, frames=9, t_end=0.8
    )
    data = DataConfig(simulation=simulation, folder=str(folder / "data"), test=0.34, validation=0.17)
    model = ModelConfig(SMALL, Cape(heads=2), history=3, bundle=2)
    experiment = Experiment(data, model, TrainingConfig(epochs=2, batch=4))
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
    protocols = run_protocols(
        surrogate.at, data, again, surrogate.trained_steps, window=surrogate.window, finer=data
    )
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


def test_a_published_surrogate_comes_with_enough_frames(finished, tmp_path):
    folder, _ = finished
    out = publish(folder, tmp_path / "waves", progress=False)
    sample = open_files(out / "sample.hdf5")
    surrogate = cape.load(out)
    assert sample.frames == 9
    assert ".read()[:, :3]" in (out / "README.md").read_text()
    assert surrogate.rollout(sample.read()[:, :3], sample.parameters, 6).shape[1] == 6


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
