"""Initial conditions are identified by their first frames: over files, orders, dtypes, strides and numbers."""

import dataclasses

import h5py
import numpy as np
import pytest
from small_files import write_scalar

from cape.data import DataConfig, prepare, split
from cape.datasets.arrays import from_arrays
from cape.datasets.concatenation import concatenate
from cape.datasets.initial_conditions import ConditionRecord, identify, note_of_ambiguity, number_by_content
from cape.datasets.opening import open_files
from cape.datasets.stores import FileStore


def fields(samples=10, seed=0, frames=4, dtype=np.float32):
    return np.random.default_rng(seed).normal(size=(samples, frames, 8)).astype(dtype)


def arrays(u, beta=1.0, **options):
    return from_arrays(u, {"beta": beta}, dx=1 / 8, dt=0.1, **options)


def scalar_file(folder, u, beta=1.0, **options):
    folder.mkdir(exist_ok=True)
    return write_scalar(folder / f"1D_Advection_Sols_beta{beta}.hdf5", u, **options)


def test_a_record_holds_the_same_frames_in_any_order_dtype_and_at_any_stride():
    u = fields(dtype=np.float64)
    record = ConditionRecord.of((arrays(u[:6]), arrays(u[6:8])))
    turned = arrays(u[::-1].astype(np.float32), beta=2.0)
    assert record.holds(turned).tolist() == [False] * 2 + [True] * 8
    assert record.holds(turned.subsample(space=2, time=3)).tolist() == record.holds(turned).tolist()
    assert record.holds(turned.subsample(space=2).loaded()).tolist() == record.holds(turned).tolist()
    assert not record.holds(arrays(fields(20, seed=1))).any()
    coarse = ConditionRecord.of((arrays(u[:8]).subsample(space=4).loaded(),))
    assert coarse == ConditionRecord.of((arrays(u[:8]),))


def test_zeros_of_both_signs_are_equal_and_the_shape_counts():
    zeros = np.zeros((2, 3, 8))
    assert identify(arrays(zeros)).first_frames == identify(arrays(-zeros)).first_frames
    other = from_arrays(zeros.reshape(2, 3, 4, 2), {"beta": 1.0}, dx=0.1, dt=0.1)
    assert identify(arrays(zeros)).first_frames != identify(other).first_frames


def test_files_in_another_order_share_their_initial_conditions_in_a_split(tmp_path):
    u = fields(12)
    files = [
        scalar_file(tmp_path, u, 0.5),
        scalar_file(tmp_path, u[::-1], 1.0),
        scalar_file(tmp_path, u, 2.0),
    ]
    everything = number_by_content(open_files(files))
    numbers = everything.initial_conditions.reshape(3, 12)
    np.testing.assert_array_equal(numbers[0], numbers[1, ::-1])
    np.testing.assert_array_equal(numbers[0], numbers[2])
    assert sorted(numbers[0]) == list(range(12))
    again = number_by_content(open_files(files[::-1])).initial_conditions.reshape(3, 12)
    np.testing.assert_array_equal(again, numbers[::-1])  # by the content, not by the order of the files
    parts = prepare(DataConfig(files=tuple(map(str, files)), validation=0.25, test=0.25))
    frames = [{f.tobytes() for f in p.read()[:, 0]} for p in (parts.training, parts.validation, parts.test)]
    assert [len(part) for part in frames] == [6, 3, 3] and len(set.union(*frames)) == 12


def test_numbers_that_nothing_contradicts_are_kept(tmp_path):
    u = fields()
    files = [scalar_file(tmp_path, u, 0.5), scalar_file(tmp_path, 3 * u, 1.0)]  # scaled by the parameter
    np.testing.assert_array_equal(
        number_by_content(open_files(files)).initial_conditions, np.tile(range(10), 2)
    )


def test_given_numbers_decide_and_read_nothing(monkeypatch):
    u = np.tile(fields(4), (3, 1, 1))
    given = arrays(u, initial_conditions=np.arange(12))
    monkeypatch.setattr("cape.datasets.fields.Fields.digests", None)  # fails if it is called
    assert number_by_content(given) is given
    split(given, DataConfig(validation=0.25, test=0.25))
    record = ConditionRecord((0, 1), "given", ())
    assert np.flatnonzero(record.holds(given)).tolist() == [0, 1]


def test_data_with_given_numbers_are_compared_with_files_by_content():
    u = fields()
    record = ConditionRecord.of((arrays(u[:5], initial_conditions=np.arange(100, 105)),))
    assert record.holds(arrays(u[::-1])).tolist() == [False] * 5 + [True] * 5


def test_numbers_of_one_seed_count_also_where_parameters_change_the_first_frame(tmp_path):
    u, numbers = fields(), {"initial-condition": np.arange(10)}
    trained = open_files(scalar_file(tmp_path / "a", u, datasets=numbers, seed=0))
    scaled = {"datasets": numbers, "beta": 2.0}
    simulated = open_files(scalar_file(tmp_path / "b", 2 * u, seed=0, **scaled))
    imported = open_files(scalar_file(tmp_path / "c", 2 * u, **scaled))
    record = ConditionRecord.of((trained.select(range(3)),))
    assert record.numbering == "seed"
    assert np.flatnonzero(record.holds(simulated)).tolist() == [0, 1, 2]
    assert not record.holds(imported).any()


def from_rest(seed=0, samples=6):
    u = fields(samples, seed)
    u[:, 0] = 0.0
    return u


def test_trajectories_from_rest_are_compared_by_parameters_and_first_two_frames():
    u = from_rest()
    record = ConditionRecord.of((arrays(u[:4]), arrays(u[4:5])))
    assert record.ambiguous == (identify(arrays(u)).first_frames[0],)
    assert record.holds(arrays(u[::-1])).tolist() == [False] + [True] * 5
    assert not record.holds(arrays(from_rest(seed=1))).any()
    assert not record.holds(arrays(from_rest(seed=1)[:1])).any()
    assert not record.holds(arrays(u, beta=2.0)).any()
    for rest in (u, np.zeros_like(u)):
        np.testing.assert_array_equal(number_by_content(arrays(rest)).initial_conditions, range(6))
    assert note_of_ambiguity(arrays(u)).startswith("note: 6 of 6 samples have a first frame from which")
    assert note_of_ambiguity(arrays(fields())) == ""


def test_a_first_frame_from_which_trajectories_of_equal_parameters_differ_is_ambiguous():
    u = fields()
    u[3, 0] = u[7, 0]
    assert len(identify(arrays(u)).ambiguous) == 1
    assert not identify(arrays(u, beta=np.arange(10.0))).ambiguous  # the parameters tell them apart
    u[3] = u[7]  # the same trajectory twice
    assert not identify(arrays(u)).ambiguous
    assert len(np.unique(number_by_content(arrays(u)).initial_conditions)) == 9


def test_first_frames_are_read_once_and_only_first_frames(tmp_path, monkeypatch):
    trajectories = open_files(scalar_file(tmp_path, fields()))
    windows, blocks = [], FileStore.blocks

    def counted(store, runs, window):
        windows.append((list(runs), window[0]))
        return blocks(store, runs, window)

    monkeypatch.setattr(FileStore, "blocks", counted)
    identify(trajectories.select([1, 2, 5]))
    identify(trajectories.subsample(time=2))
    assert [w for _, w in windows] == [slice(0, 1)] * 2
    identify(concatenate([trajectories, trajectories.subsample(space=1)]).select([3, 4]))
    assert len(windows) == 2


@pytest.mark.parametrize("change", ["renamed", "moved", "appended"])
def test_a_record_survives_a_file_that_changes(tmp_path, change):
    u = fields(8)
    path = scalar_file(tmp_path / "data", u)
    record = ConditionRecord.of((open_files(path).select(range(6)),))
    if change == "renamed":
        path = path.rename(path.with_name("another_beta1.0.hdf5"))
        with h5py.File(path, "a") as file:
            file.attrs["boundary"] = "periodic"
    elif change == "moved":
        path = (tmp_path / "data").rename(tmp_path / "elsewhere") / path.name
    else:
        path = scalar_file(tmp_path / "data", np.concatenate([fields(5, seed=3), u]))
    found = record.holds(open_files(path))
    assert found.sum() == 6 and found[-8:-2].all()


def test_the_numbering_of_concatenated_data_is_the_weakest():
    one, other = arrays(fields()), arrays(fields(), initial_conditions=np.arange(10))
    assert concatenate([one, other]).numbering == "position"
    assert concatenate([other, other]).numbering == "given"
    assert dataclasses.replace(other, times=2 * other.times).numbering == "given"
