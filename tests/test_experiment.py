"""Experiments: which trajectories go where, simulated data used again, and folders claimed by one configuration."""

import dataclasses
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from small_files import scalar_field, write_compressible, write_scalar

from cape import data as preparation
from cape.data import DataConfig, SimulationConfig, held_out_samples, prepare, simulated, value_list
from cape.datasets.fields import whole
from cape.datasets.stores import MemoryStore
from cape.datasets.opening import open_files
from cape.datasets.arrays import in_memory
from cape.datasets.trajectories import Trajectories
from cape.experiment import (
    Data,
    Experiment,
    abandon,
    build,
    claim,
    describe,
    refuse_other,
    trained_on,
)
from cape.model.config import FNO, Cape, Film, ModelConfig, PaperFNO, Unaware, UNet
from cape.training.fit import TrainingConfig
from cape.training.position_dependence import places_differ

SMALL = SimulationConfig("advection", ("beta=0.5,1.0,2.0",), samples=10, resolution=16, frames=5, t_end=0.4)


@pytest.fixture
def config(tmp_path) -> DataConfig:
    return DataConfig(simulation=SMALL, folder=str(tmp_path / "data"), held_out=("beta=1",))


@pytest.fixture
def files(tmp_path) -> tuple[str, ...]:
    """Three files, beta 0.5, 1 and 2, of the same ten initial conditions: u names sample, time and place."""
    folder = tmp_path / "files"
    folder.mkdir()
    names = [folder / f"1D_Advection_Sols_beta{beta}.hdf5" for beta in (0.5, 1.0, 2.0)]
    return tuple(str(write_scalar(name, scalar_field(10, 9, 16))) for name in names)


FEW = TrainingConfig(batch=2)


def small(conditioning=None, base=None) -> ModelConfig:
    base = base or FNO(width=4, modes=3, layers=1, projection=4)
    return ModelConfig(base, conditioning or Film(width=4))


def advection(beta, samples=4, points=16, frames=3) -> Trajectories:
    u = np.random.default_rng(0).normal(size=(samples, frames, points, 1))
    x = (np.arange(points) + 0.5) / points
    return in_memory(
        u,
        np.broadcast_to(np.asarray(beta, float).reshape(-1, 1), (samples, 1)),
        ("beta",),
        channel_names=("u",),
        coordinates=(x,),
        times=0.1 * np.arange(frames),
        boundaries=("periodic",),
        equation="advection",
    )


def values(trajectories) -> list[float]:
    return np.unique(trajectories.parameters).tolist()


# ---- which trajectories go where ------------------------------------------------------------------------------


def test_no_initial_condition_is_shared_and_held_out_values_are_tested_only(files):
    parts = prepare(DataConfig(files=files, held_out=("beta=1",), validation=0.2, test=0.3))
    ids = [set(part.initial_conditions.tolist()) for part in (parts.training, parts.validation, parts.test)]
    assert [len(part) for part in ids] == [5, 2, 3]
    assert not (ids[0] & ids[1] or ids[0] & ids[2] or ids[1] & ids[2])
    assert values(parts.training) == values(parts.validation) == [0.5, 2.0]
    assert values(parts.test) == [0.5, 1.0, 2.0]
    assert [part.samples for part in (parts.training, parts.validation, parts.test)] == [10, 4, 9]


def test_the_split_follows_its_seed_alone(files):
    one, again, other = (prepare(DataConfig(files=files, split_seed=seed)) for seed in (3, 3, 4))
    assert np.array_equal(one.training.initial_conditions, again.training.initial_conditions)
    assert not np.array_equal(one.training.initial_conditions, other.training.initial_conditions)


def test_samples_limits_what_is_trained_on_and_the_others_are_tested(files):
    parts = prepare(DataConfig(files=files, samples=6, validation=0.2, test=0.2))
    known = np.union1d(parts.training.initial_conditions, parts.validation.initial_conditions)
    assert len(known) == 5
    assert known.max() < 6
    assert set(parts.test.initial_conditions) == set(range(10)) - set(known)
    assert parts.test.samples == 15
    everything = prepare(DataConfig(files=files, samples=1000))
    assert everything.training.samples + everything.validation.samples + everything.test.samples == 30


def test_own_initial_conditions_are_trained_on_and_common_ones_evaluated_on(tmp_path):
    simulation = dataclasses.replace(SMALL, samples=10, unshared=8)
    config = DataConfig(simulation=simulation, folder=str(tmp_path), held_out=("beta=1",), validation=0.25)
    parts = prepare(config, progress=False)
    known = np.concatenate([parts.training.initial_conditions, parts.validation.initial_conditions])
    trained = len(np.unique(parts.training.parameters))
    assert len(known) == len(np.unique(known)) == 8 * trained
    assert len(parts.validation.initial_conditions) == 2 * trained
    each, counts = np.unique(parts.test.initial_conditions, return_counts=True)
    assert len(each) == 2 and (counts == trained + 1).all() and not np.isin(each, known).any()
    fewer = prepare(dataclasses.replace(config, samples=4), progress=False)
    assert fewer.training.samples + fewer.validation.samples <= 4
    all_own = dataclasses.replace(config, simulation=dataclasses.replace(simulation, unshared=10))
    left = prepare(all_own, progress=False).test.initial_conditions
    assert len(left) == len(np.unique(left)) == 10 + trained  # those held out, and a tenth of the others


def test_files_that_are_given_are_split_whatever_would_be_simulated(files):
    plain, other = (
        prepare(DataConfig(files=files, simulation=s)) for s in (SMALL, dataclasses.replace(SMALL, unshared=8))
    )
    for name in ("training", "validation", "test"):
        expected, found = (getattr(parts, name).initial_conditions for parts in (plain, other))
        np.testing.assert_array_equal(found, expected)


def test_strides_thin_points_and_frames(files):
    parts = prepare(DataConfig(files=files, space_stride=4, time_stride=2))
    assert parts.training.resolution == (4,)
    assert parts.training.frames == 5
    assert parts.training.dt == pytest.approx(0.5)
    whole = prepare(DataConfig(files=files)).training.read()
    assert np.array_equal(parts.training.read(), whole[:, ::2, ::4])


def test_several_parameters_are_held_out_together(tmp_path):
    paths = []
    for eta in (0.1, 1.0):
        for zeta in (0.1, 1.0):
            path = tmp_path / f"1D_CFD_eta{eta}_zeta{zeta}_periodic.hdf5"
            paths.append(str(write_compressible(path, eta=eta, zeta=zeta, samples=10)))
    parts = prepare(DataConfig(files=tuple(paths), held_out=("eta=0.1,zeta=1", "zeta=0.1, eta=1")))
    assert np.unique(parts.training.parameters, axis=0).tolist() == [[0.1, 0.1], [1.0, 1.0]]
    assert len(np.unique(parts.test.parameters, axis=0)) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"held_out": ("gamma=1",)}, r"^data\.held_out: no parameter 'gamma', the data have beta$"),
        ({"held_out": ("beta",)}, r"^data\.held_out: expected NAME=VALUE, such as Nu=0\.01, got 'beta'$"),
        ({"held_out": ("beta=x",)}, r"^data\.held_out: beta: expected a number, got 'x'$"),
        ({"held_out": ("beta=1,beta=2",)}, r"^data\.held_out: beta is given twice, 1 and 2$"),
        (
            {"held_out": ("beta=0.7",)},
            r"no sample has beta=0\.7, the data have beta 0\.5, 1, 2; `--data\.held",
        ),
        (
            {"held_out": ("beta=0.5", "beta=1", "beta=2")},
            r"beta=0\.5 beta=1 beta=2 leaves no sample to train",
        ),
        ({"samples": 2}, "no initial condition left for validation: 2 in all"),
        ({"test": 0.0}, r"^data\.test: no initial condition is left to evaluate on"),
        ({"space_stride": 3}, "16 points of a periodic axis cannot be sub-sampled by 3"),
    ],
)
def test_data_that_leave_nothing_or_name_nothing_are_refused(files, change, message):
    with pytest.raises(ValueError, match=message):
        prepare(DataConfig(files=files, **change))


def test_held_out_values_are_compared_to_relative_precision():
    tiny = advection([1e-8, 2e-8, 1e-3, 1.0])
    assert held_out_samples(("beta=1e-8",), tiny).tolist() == [True, False, False, False]
    assert held_out_samples(("beta=1.0000001e-8", "beta=1"), tiny).tolist() == [True, False, False, True]
    assert not held_out_samples((), tiny).any()


def test_many_values_are_told_by_their_range():
    assert value_list(advection([1, 2, 4, 8])) == "beta 1, 2, 4, 8"
    assert value_list(advection(np.arange(20.0), samples=20)) == "beta 0 to 19"


# ---- simulated data -------------------------------------------------------------------------------------------


def test_simulated_data_are_found_again_and_not_made_twice(config, monkeypatch):
    folder = simulated(config, progress=False)
    made = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(made) == 3

    def never(*_, **__):
        raise AssertionError("simulated twice")

    monkeypatch.setattr(preparation, "simulate", never)
    assert simulated(config, progress=False) == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == made
    parts = prepare(config, progress=False)  # another split of the same data
    assert values(parts.training) == [0.5, 2.0]
    parts = prepare(dataclasses.replace(config, held_out=("beta=2",)), progress=False)
    assert values(parts.training) == [0.5, 1.0]


def test_other_settings_make_other_data(config):
    one = simulated(config, progress=False)
    other = dataclasses.replace(config, simulation=dataclasses.replace(SMALL, seed=1))
    assert simulated(other, progress=False) != one
    a, b = (open_files(folder) for folder in (one, simulated(other, progress=False)))
    assert not set(a.initial_conditions) & set(b.initial_conditions)


def test_sizes_that_are_zero_are_those_of_the_equation(tmp_path):
    flow = SimulationConfig("compressible2d", ("M=1", "eta=0.1", "zeta=0.1"), 1, 16, frames=0, t_end=0.0)
    assert flow.complete == dataclasses.replace(flow, frames=21, t_end=1.0)
    assert SMALL.complete == SMALL
    zeros = dataclasses.replace(SMALL, resolution=0, frames=0, t_end=0.0, samples=2)
    folders = [
        simulated(DataConfig(simulation=what, folder=str(tmp_path)), progress=False)
        for what in (zeros, zeros.complete)
    ]
    assert folders[0] == folders[1] and open_files(folders[0]).resolution == (128,)


def test_tied_parameters_are_equal_in_the_simulated_data(tmp_path):
    sizes = {"samples": 10, "resolution": 16, "frames": 2, "t_end": 0.01}
    what = SimulationConfig("reaction-diffusion", ("Nu=0.5,1,2", "rho=Nu"), **sizes)
    parts = prepare(DataConfig(simulation=what, folder=str(tmp_path), held_out=("rho=1",)), progress=False)
    assert np.unique(parts.training.parameters, axis=0).tolist() == [[0.5, 0.5], [2.0, 2.0]]
    assert np.unique(parts.test.parameters, axis=0).tolist() == [[0.5, 0.5], [1.0, 1.0], [2.0, 2.0]]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_simulation_leaves_nothing(config, monkeypatch, error):
    def half(equation, folder, *_, **__):
        folder.mkdir(parents=True)
        (folder / "one_of_three.hdf5").write_text("")
        raise error("stop")

    monkeypatch.setattr(preparation, "simulate", half)
    with pytest.raises(error, match="stop"):
        simulated(config, progress=False)
    assert list(Path(config.folder).iterdir()) == []
    monkeypatch.undo()
    assert len(list(simulated(config, progress=False).iterdir())) == 3


def test_two_runs_that_simulate_the_same_at_once_both_find_it(config, monkeypatch):
    """The other one is done first: its folder is kept, ours goes away."""
    original = preparation.simulate

    def overtaken(equation, folder, *arguments, **named):
        original(equation, folder, *arguments, **named)
        monkeypatch.setattr(preparation, "simulate", original)
        monkeypatch.setattr(os, "getpid", lambda: -1)  # another process
        (simulated(config, progress=False) / "first").touch()
        monkeypatch.undo()

    monkeypatch.setattr(preparation, "simulate", overtaken)
    folder = simulated(config, progress=False)
    assert (folder / "first").exists()
    assert [path.name for path in Path(config.folder).iterdir()] == [folder.name]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (("beta",), r"data\.simulation\.parameters: expected NAME=VALUE"),
        (("beta=1", "beta=2"), r"data\.simulation\.parameters: beta is given twice"),
        (("Nu=1",), "advection takes the parameters beta; missing: beta, unknown: Nu"),
    ],
)
def test_a_simulation_that_cannot_be_is_refused(config, parameters, message):
    wrong = dataclasses.replace(config, simulation=dataclasses.replace(SMALL, parameters=parameters))
    with pytest.raises(ValueError, match=message):
        prepare(wrong, progress=False)
    assert not Path(config.folder).exists()


# ---- the model for the data -----------------------------------------------------------------------------------


@pytest.mark.parametrize("conditioning", [Film(), Cape()])
def test_a_constant_parameter_is_refused_where_the_model_is_conditioned(conditioning):
    with pytest.raises(ValueError, match=r"no parameter varies in the training data \(beta\).*:unaware"):
        build(Experiment(model=small(conditioning), training=FEW), advection(1.0))


def test_a_constant_parameter_is_accepted_by_a_model_unaware_of_it():
    surrogate = build(Experiment(model=small(Unaware()), training=FEW), advection(1.0))
    assert surrogate.problem.low == surrogate.problem.high == (1.0,)


def test_a_model_that_does_not_fit_the_grid_is_refused_before_training():
    with pytest.raises(ValueError, match=r"grid divisible by 2\^levels = 32 along each axis, got \(16,\)"):
        build(
            Experiment(model=small(base=UNet(features=4, levels=5)), training=FEW),
            advection([1.0, 2.0, 3.0, 4.0]),
        )


def test_a_batch_of_more_trajectories_than_there_are_is_refused():
    experiment = Experiment(model=small(), training=TrainingConfig(batch=5))
    with pytest.raises(
        ValueError, match=r"training\.batch: expected at most the 4 trajectories to train on, got 5"
    ):
        build(experiment, advection([1.0, 2.0, 3.0, 4.0]))


@pytest.mark.parametrize("boundary", ["periodic", "wall"])
def test_a_force_that_depends_on_the_place_is_told(boundary):
    u = np.random.default_rng(1).normal(size=(20, 1, 16, 1)) * np.ones((1, 3, 1, 1))
    force = np.arange(3)[:, None, None] * np.cos(2 * np.pi * np.arange(16) / 16)[:, None]
    moving = dataclasses.replace(advection(np.arange(20) + 1.0, 20), boundaries=(boundary,))
    fields = (whole(MemoryStore(u.astype(np.float32))) for u in (u, u + force))
    alike, forced = (dataclasses.replace(moving, fields=one) for one in fields)
    assert places_differ(forced) == (boundary == "periodic") and not places_differ(alike)
    rest = np.array([1.0, 0.5, 1e-9])[:, None, None] * u + 1e-8 * force  # decays to what is the same in all
    decayed = dataclasses.replace(moving, fields=whole(MemoryStore(rest.astype(np.float32))))
    assert not places_differ(decayed)
    if boundary == "periodic":
        experiment = Experiment(model=small(), training=TrainingConfig(batch=4))
        with pytest.warns(UserWarning, match="model.place = true"):
            build(experiment, forced)
        shown = dataclasses.replace(experiment, model=dataclasses.replace(small(), place=True))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            build(shown, forced)
            build(experiment, alike)


def test_modes_that_the_grid_does_not_have_are_told():
    with pytest.warns(UserWarning, match=r"model\.base\.modes = 10: a grid of 16 points has 9 modes"):
        build(
            Experiment(model=small(base=PaperFNO(width=4, modes=10)), training=FEW),
            advection([1.0, 2.0, 3.0, 4.0]),
        )


def test_nan_in_training_data_is_refused_with_its_file(files):
    u = scalar_field(10, 9, 16)
    u[:, 3, 2] = np.nan
    write_scalar(Path(files[2]), u)
    training = prepare(DataConfig(files=files)).training
    with pytest.raises(ValueError, match=r"beta2\.0\.hdf5: \d sample\(s\) with NaN or infinity"):
        build(Experiment(model=small()), training)


def test_the_description_names_what_is_trained_on_and_what_is_not(config):
    experiment = Experiment(config, small())
    parts = prepare(config, progress=False)
    text = describe(build(experiment, parts.training), parts)
    assert "advection: u on 16 points, 4 steps of 0.1" in text
    assert "16 trajectories, beta 0.5, 2\n" in text
    assert "beta 0.5, 1, 2\n" in text
    assert "Film around FNO: " in text


# ---- the folder of a run --------------------------------------------------------------------------------------


def with_a_checkpoint(folder: Path) -> Path:
    (folder / "checkpoints" / "1").mkdir(parents=True)
    return folder


def some_data() -> Data:
    whole = advection([1.0, 2.0, 3.0, 4.0])
    return Data(whole.select([0, 3]), whole.select([1]), whole.select([2]))


def test_a_run_claims_its_folder_and_is_let_in_again(tmp_path):
    experiment, folder = Experiment(model=small()), tmp_path / "runs" / "a"
    claim(experiment, some_data(), folder)
    assert json.loads((folder / "config.json").read_text())["model"]["base"]["width"] == 4
    assert json.loads((folder / "split.json").read_text()) == {"training": [0, 3], "validation": [1]}
    claim(experiment, some_data(), with_a_checkpoint(folder))
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoints", "config.json", "split.json"]
    assert trained_on(folder).tolist() == [0, 1, 3]


def test_a_folder_of_another_configuration_is_refused_with_what_differs(tmp_path):
    claim(Experiment(model=small()), some_data(), with_a_checkpoint(tmp_path))
    before = (tmp_path / "config.json").read_text()
    other = Experiment(model=small(), training=TrainingConfig(epochs=7))
    for refused in (lambda: claim(other, some_data(), tmp_path), lambda: refuse_other(other, tmp_path)):
        with pytest.raises(ValueError, match=r"another configuration \(training\.epochs: 20 and 7\); choose"):
            refused()
    assert (tmp_path / "config.json").read_text() == before
    with pytest.raises(ValueError, match="and [0-9]+ more"):
        refuse_other(Experiment(DataConfig(samples=3)), tmp_path)


def test_a_folder_in_which_nothing_was_trained_may_be_claimed_anew(tmp_path):
    claim(Experiment(model=small()), some_data(), tmp_path)
    other = Experiment(model=small(), training=TrainingConfig(epochs=7))
    claim(other, some_data(), tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["training"]["epochs"] == 7


def test_a_damaged_configuration_is_refused(tmp_path):
    (with_a_checkpoint(tmp_path) / "config.json").write_text('{"training":')
    with pytest.raises(ValueError, match=r"config\.json: not a configuration file"):
        refuse_other(Experiment(), tmp_path)


def test_a_run_that_stopped_before_its_first_checkpoint_leaves_nothing(tmp_path):
    folder = tmp_path / "a"
    claim(Experiment(), some_data(), folder)
    (folder / "metrics.jsonl").touch()
    (folder / "checkpoints" / "1.orbax-checkpoint-tmp").mkdir(parents=True)
    abandon(folder)
    assert not folder.exists()
    claim(Experiment(), some_data(), folder)
    (folder / "notes.txt").write_text("mine")
    abandon(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    claim(Experiment(), some_data(), with_a_checkpoint(folder))
    abandon(folder)
    assert (folder / "config.json").exists()


def test_a_folder_that_is_no_run_tells_nothing_and_a_damaged_one_is_refused(tmp_path):
    assert trained_on(tmp_path) is None
    for text in ("[1, 2]", '{"training": [1]}', "{"):
        (tmp_path / "split.json").write_text(text)
        with pytest.raises(ValueError, match=r"split\.json: expected lists `training` and `validation`"):
            trained_on(tmp_path)
