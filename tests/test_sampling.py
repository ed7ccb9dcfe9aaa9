"""Data curricula: which trajectories have a chance at which time, and that they are drawn by it."""

from itertools import islice

import numpy as np
import pytest

from cape.datasets.trajectories import from_arrays
from cape.training.batches import resident
from cape.training.sampling import Cyclical, Draw, EveryTrajectory, Ordered, Weighted

HARD = np.asarray([0.3, 0.1, 0.4, 0.2])  # easiest first: 1, 3, 0, 2


def drawn(chances):
    return set(np.flatnonzero(chances).tolist())


@pytest.mark.parametrize(
    ("descending", "stages"),
    [(False, [{1}, {1, 3}, {0, 1, 3}, {0, 1, 2, 3}]), (True, [{2}, {0, 2}, {0, 2, 3}, {0, 1, 2, 3}])],
)
def test_an_order_starts_with_a_part_and_ends_with_all(descending, stages):
    sampling = Ordered(descending=descending, start=0.25, end=0.6)
    for progress, expected in zip((0.0, 0.2, 0.4, 0.6), stages, strict=True):
        assert drawn(sampling.chances(progress, HARD)) == expected
    assert drawn(sampling.chances(0.9, HARD)) == {0, 1, 2, 3}
    chances = sampling.chances(0.2, HARD)
    np.testing.assert_allclose(chances[chances > 0], [0.5, 0.5])


def test_a_cycle_shrinks_and_grows_again():
    sizes = [len(drawn(Cyclical(smallest=0.2, cycles=2).chances(t / 8, HARD))) for t in range(9)]
    assert sizes == [4, 2, 1, 2, 4, 2, 1, 2, 4]


def test_chances_are_proportional_to_a_power_of_the_difficulty():
    np.testing.assert_allclose(Weighted().chances(0.0, HARD), HARD)
    inverse = Weighted(power=-1.0).chances(0.0, HARD)
    np.testing.assert_allclose(inverse * HARD, np.full(4, inverse[0] * HARD[0]))
    assert np.isfinite(Weighted(power=-1.0).chances(0.0, np.asarray([0.0, 1.0]))).all()


def trajectories():
    return from_arrays(
        np.arange(8.0).reshape(4, 2, 1, 1) + np.zeros((4, 2, 8, 1)),
        np.asarray([[3.0], [1.0], [4.0], [2.0]]),
        ("Nu",),
        channel_names=("u",),
        coordinates=(np.arange(8) / 8,),
        times=(0.0, 0.1),
        boundaries=("periodic",),
    )


def begun(sampling, progress=0.0, losses=HARD):
    """Make the draw of an epoch; the weights are what the losses are measured with."""
    draw = Draw(sampling, trajectories(), lambda data: lambda params, rest: params * rest, seed=0)
    draw.begin(progress, losses, 1.0)
    return draw


def test_difficulty_is_a_parameter_the_loss_or_a_random_number_that_stays():
    assert drawn(begun(Ordered(by="Nu", start=0.5)).now) == {1, 3}
    assert drawn(begun(Ordered(start=0.5), losses=HARD[::-1]).now) == {0, 2}
    gone = np.asarray([np.inf, 0.1, np.nan, 0.2])
    assert drawn(begun(Ordered(start=0.5), losses=gone).now) == {1, 3}
    random = [drawn(begun(Ordered(by="random", start=0.5), progress).now) for progress in (0.0, 0.1, 0.6)]
    assert len(random[0]) == 2 and random[0] <= random[1] <= random[2] == {0, 1, 2, 3}
    with pytest.raises(ValueError, match=r"training\.sampling\.by: got 'nu'; did you mean 'Nu'"):
        begun(Ordered(by="nu"))


def test_batches_are_drawn_by_chance_or_hold_every_trajectory_once():
    draw = begun(Ordered(by="Nu", start=0.5))
    batches = resident(trajectories(), 0, 4, 0, draw)
    seen = np.concatenate([np.asarray(p)[:, 0] for _, p in islice(batches, 20)])
    assert set(seen.tolist()) == {1.0, 2.0} and 20 < (seen == 1.0).sum() < 60
    draw.begin(0.9, HARD, 1.0)  # the epoch after: the same batches go on, from all trajectories
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
def test_impossible_settings_are_refused(build):
    with pytest.raises(ValueError, match="sampling: expected"):
        build()
