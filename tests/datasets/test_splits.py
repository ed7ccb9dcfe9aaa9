"""Splits: no initial condition in two parts; where a parameter vector lies to those of training."""

import numpy as np
import pytest

from cape.datasets.arrays import in_memory
from cape.datasets.splits import InitialConditionSplit, kind_of


def trajectories(initial_conditions):
    n = len(initial_conditions)
    return in_memory(
        np.arange(n, dtype=np.float32).reshape(n, 1, 1, 1),
        np.ones((n, 1)),
        ["Nu"],
        channel_names=["u"],
        coordinates=[[0.5]],
        times=[0.0],
        boundaries=["periodic"],
        initial_conditions=initial_conditions,
    )


def test_parts_share_no_initial_condition_and_hold_every_sample():
    ids = np.concatenate([np.arange(20), np.arange(20), np.arange(10), [100, 100]])
    t = trajectories(ids)
    parts = InitialConditionSplit(validation=0.2, test=0.1).split(t)
    held = [set(p.initial_conditions.tolist()) for p in parts]
    assert [len(h) for h in held] == [15, 4, 2]  # of 21 initial conditions
    assert set.union(*held) == set(ids.tolist()) and sum(map(len, held)) == 21
    read = [p.read().ravel() for p in parts]
    np.testing.assert_array_equal(np.sort(np.concatenate(read)), np.arange(len(ids)))
    assert all((np.diff(r) > 0).all() for r in read)  # in their order


def test_split_depends_on_seed_and_initial_conditions_only():
    ids = np.arange(30)
    test_of = [
        set(InitialConditionSplit(seed=seed).split(trajectories(i))[2].initial_conditions.tolist())
        for seed, i in ((0, ids), (0, np.tile(ids[::-1], 3)), (1, ids))
    ]
    assert test_of[0] == test_of[1] != test_of[2]


def test_parts_not_asked_for_are_empty():
    train, validation, test = InitialConditionSplit(validation=0.0, test=0.0).split(trajectories([1, 2]))
    assert (train.samples, validation.samples, test.samples) == (2, 0, 0)


def test_parts_asked_for_are_not_empty():
    with pytest.raises(ValueError, match="no initial condition left for validation: 4 in all"):
        InitialConditionSplit().split(trajectories(np.arange(4).repeat(100)))
    with pytest.raises(ValueError, match="no initial condition left for train: 2 in all"):
        InitialConditionSplit(validation=0.4, test=0.45).split(trajectories([0, 1]))


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.1), (0.5, 0.5), (float("nan"), 0.1)])
def test_fractions_are_fractions(validation, test):
    with pytest.raises(ValueError, match="expected fractions"):
        InitialConditionSplit(validation, test)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0.01], "seen"),
        ([0.01 * (1 + 1e-7)], "seen"),
        ([np.float32(0.01)], "seen"),
        ([0.01 * (1 + 1e-5)], "interpolated"),
        ([0.05], "interpolated"),
        ([1.1], "extrapolated"),
        ([1e-8], "extrapolated"),
        ([0.0], "extrapolated"),
    ],
)
def test_kind_of_one_parameter(values, kind):
    assert kind_of(values, [[0.001], [0.01], [1.0]]) == kind


def test_kind_of_several_parameters():
    trained = [[0.1, 1e-8], [1.0, 0.01]]
    assert kind_of([1.0, 0.01], trained) == "seen"
    assert kind_of([0.1, 0.01], trained) == "interpolated"  # both values seen, never together
    assert kind_of([0.1 - 1e-9, 0.001], trained) == "interpolated"  # on the edge, but for rounding
    assert kind_of([0.5, 0.1], trained) == "extrapolated"


def test_kind_of_refuses_vectors_of_another_length():
    with pytest.raises(ValueError, match=r"got \[2\] and \[3, 1\]"):
        kind_of([1.0, 2.0], [[1.0], [2.0], [3.0]])
