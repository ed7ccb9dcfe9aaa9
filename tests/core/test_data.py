"""The data of an experiment: which trajectories are trained on, validated on and tested on."""

import dataclasses

import numpy as np
import pytest
from small_data import advection, values
from small_files import scalar_field, write_compressible, write_scalar

from cape.data import DataConfig, SimulationConfig, held_out_samples, prepare
from cape.datasets.value_list import value_list

SMALL = SimulationConfig("advection", ("beta=0.5,1.0,2.0",), samples=10, resolution=16, frames=5, t_end=0.4)


@pytest.fixture
def files(tmp_path) -> tuple[str, ...]:
    """Three files, beta 0.5, 1 and 2, of the same ten initial conditions: u encodes sample, time and position."""
    folder = tmp_path / "files"
    folder.mkdir()
    names = [folder / f"1D_Advection_Sols_beta{beta}.hdf5" for beta in (0.5, 1.0, 2.0)]
    return tuple(str(write_scalar(name, scalar_field(10, 9, 16))) for name in names)


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


def test_unshared_initial_conditions_are_for_training_and_shared_ones_for_evaluation(tmp_path):
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
    all_unshared = dataclasses.replace(config, simulation=dataclasses.replace(simulation, unshared=10))
    left = prepare(all_unshared, progress=False).test.initial_conditions
    assert (
        len(left) == len(np.unique(left)) == 10 + trained
    )  # those of the held-out value, and a tenth of the others


def test_the_split_of_files_does_not_depend_on_the_simulation_settings(files):
    plain, other = (
        prepare(DataConfig(files=files, simulation=s))
        for s in (SMALL, dataclasses.replace(SMALL, unshared=8))
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
            r"no sample has beta=0\.7, the data have beta 0\.5, 1, 2; an empty list holds out nothing",
        ),
        (
            {"held_out": ("beta=0.5", "beta=1", "beta=2")},
            r"beta=0\.5 beta=1 beta=2 leaves no sample to train",
        ),
        ({"samples": 2}, "no initial condition left for validation: 2 in all"),
        ({"test": 0.0}, r"^data\.test: no initial condition is left for evaluation"),
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


def test_many_values_are_listed_by_their_range():
    assert value_list(advection([1, 2, 4, 8])) == "beta 1, 2, 4, 8"
    assert value_list(advection(np.arange(20.0), samples=20)) == "beta 0 to 19"
