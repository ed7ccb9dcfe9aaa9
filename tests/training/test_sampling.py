"""Samplings: the probabilities of trajectories over a training, and that batches are drawn with them."""

from itertools import islice

import numpy as np
import pytest

from cape.datasets.arrays import in_memory
from cape.training.batches import resident
from cape.training.sampling import Cyclical, EveryTrajectory, Ordered, TrajectorySampler, Weighted

HARD = np.asarray([0.3, 0.1, 0.4, 0.2])  # from easy to difficult: 1, 3, 0, 2


def possible(probabilities):
    """The trajectories that can be drawn."""
    return set(np.flatnonzero(probabilities).tolist())


@pytest.mark.parametrize(
    ("descending", "stages"),
    [(False, [{1}, {1, 3}, {0, 1, 3}, {0, 1, 2, 3}]), (True, [{2}, {0, 2}, {0, 2, 3}, {0, 1, 2, 3}])],
)
def test_an_order_starts_with_a_part_and_ends_with_all(descending, stages):
    sampling = Ordered(descending=descending, start=0.25, end=0.6)
    for progress, expected in zip((0.0, 0.2, 0.4, 0.6), stages, strict=True):
        assert possible(sampling.probabilities(progress, HARD)) == expected
    assert possible(sampling.probabilities(0.9, HARD)) == {0, 1, 2, 3}
    probabilities = sampling.probabilities(0.2, HARD)
    np.testing.assert_allclose(probabilities[probabilities > 0], [0.5, 0.5])


def test_a_cycle_shrinks_and_grows_again():
    sizes = [len(possible(Cyclical(smallest=0.2, cycles=2).probabilities(t / 8, HARD))) for t in range(9)]
    assert sizes == [4, 2, 1, 2, 4, 2, 1, 2, 4]


def test_probabilities_are_proportional_to_a_power_of_the_difficulty():
    np.testing.assert_allclose(Weighted().probabilities(0.0, HARD), HARD)
    inverse = Weighted(power=-1.0).probabilities(0.0, HARD)
    np.testing.assert_allclose(inverse * HARD, np.full(4, inverse[0] * HARD[0]))
    assert np.isfinite(Weighted(power=-1.0).probabilities(0.0, np.asarray([0.0, 1.0]))).all()


def trajectories():
    return in_memory(
        np.arange(8.0).reshape(4, 2, 1, 1) + np.zeros((4, 2, 8, 1)),
        np.asarray([[3.0], [1.0], [4.0], [2.0]]),
        ("Nu",),
        channel_names=("u",),
        coordinates=(np.arange(8) / 8,),
        times=(0.0, 0.1),
        boundaries=("periodic",),
    )


def begun(sampling, progress=0.0, losses=HARD):
    """Return the sampler of an epoch. `losses` stand for the weights, from which the losses are computed."""
    sampler = TrajectorySampler(
        sampling, trajectories(), lambda data: lambda params, model_state: params * model_state, seed=0
    )
    sampler.begin_epoch(progress, losses, 1.0)
    return sampler


def test_difficulty_is_a_parameter_the_loss_or_a_random_number_that_stays():
    assert possible(begun(Ordered(by="Nu", start=0.5)).probabilities) == {1, 3}
    assert possible(begun(Ordered(start=0.5), losses=HARD[::-1]).probabilities) == {0, 2}
    diverged = np.asarray([np.inf, 0.1, np.nan, 0.2])
    assert possible(begun(Ordered(start=0.5), losses=diverged).probabilities) == {1, 3}
    random = [
        possible(begun(Ordered(by="random", start=0.5), progress).probabilities)
        for progress in (0.0, 0.1, 0.6)
    ]
    assert len(random[0]) == 2 and random[0] <= random[1] <= random[2] == {0, 1, 2, 3}
    with pytest.raises(ValueError, match=r"training\.sampling\.by: got 'nu'; did you mean 'Nu'"):
        begun(Ordered(by="nu"))


def test_batches_are_drawn_with_probabilities_or_hold_every_trajectory_once():
    sampler = begun(Ordered(by="Nu", start=0.5))
    batches = resident(trajectories(), 0, 4, 0, sampler)
    seen = np.concatenate([np.asarray(p)[:, 0] for _, p in islice(batches, 20)])
    assert set(seen.tolist()) == {1.0, 2.0} and 20 < (seen == 1.0).sum() < 60
    sampler.begin_epoch(0.9, HARD, 1.0)  # the next epoch: the same batches continue, from all trajectories
    seen = np.concatenate([np.asarray(p)[:, 0] for _, p in islice(batches, 20)])
    assert set(seen.tolist()) == {1.0, 2.0, 3.0, 4.0}
    every = resident(trajectories(), 0, 4, 0, begun(EveryTrajectory()))
    assert all(sorted(np.asarray(p)[:, 0].tolist()) == [1.0, 2.0, 3.0, 4.0] for _, p in islice(every, 3))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Ordered(start=0.0),
        lambda: Ordered(end=1.5),
        lambda: Cyclical(smallest=2.0),
        lambda: Cyclical(cycles=0),
    ],
)
def test_impossible_samplings_are_refused(build):
    with pytest.raises(ValueError, match="sampling: expected"):
        build()
