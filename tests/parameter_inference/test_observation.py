"""Observations: which frames, points and channels are used, how points are interpolated, and what is refused."""

import numpy as np
import pytest
from observed_trajectories import trajectories, waves
from small_surrogates import problem_of

from cape.parameter_inference.interpolation import axis_matrix
from cape.parameter_inference.observation import Selection
from cape.window import ONE_FRAME, Window

PROBLEM = problem_of("advection")
U = np.stack([waves(2) + n for n in range(4)], 1)  # [2, 4, 16, 1]


def test_all_frames_points_and_channels_by_default():
    found = Selection().of(PROBLEM, ONE_FRAME, U)
    np.testing.assert_array_equal(found.first, U[:, :1])
    np.testing.assert_array_equal(found.target, U[:, 1:])
    assert (found.steps, found.frames, found.channels) == (3, (0, 1, 2), (0,))
    assert found.to_grid == found.to_points == (None,)
    assert Selection().of(PROBLEM, ONE_FRAME, U[0]).trajectories == 1


def test_some_frames_and_points():
    found = Selection(frames=[3, 0, 1], points_every=4).of(PROBLEM, ONE_FRAME, U)
    np.testing.assert_array_equal(found.target, U[:, [1, 3], ::4])
    np.testing.assert_array_equal(found.first, U[:, :1, ::4])
    assert found.steps == 3 and found.frames == (0, 2)
    np.testing.assert_allclose(found.to_points[0] @ U[0, 0, :, 0], U[0, 0, ::4, 0], atol=1e-6)


def test_some_channels_and_windows_of_several_frames():
    problem = problem_of("gray-scott-small", points=8)
    u = np.random.default_rng(0).normal(size=(1, 5, 8, 8, 2)).astype(np.float32)
    found = Selection(channels=["B"]).of(problem, Window(2, 1), u)
    assert found.first.shape == (1, 2, 8, 8, 2) and found.frames == (0, 1, 2)
    np.testing.assert_array_equal(found.target, u[:, 2:, ..., 1:])


def test_trajectories_in_memory_need_no_parameters_and_may_have_a_finer_time_step():
    fine = trajectories(np.repeat(U, 2, 1), times=0.05 * np.arange(8))
    found = Selection().of(PROBLEM, ONE_FRAME, fine)
    np.testing.assert_array_equal(found.target, U[:, 1:])


def test_finer_grids_are_reduced_to_that_of_the_surrogate():
    found = Selection().of(PROBLEM, ONE_FRAME, np.repeat(U, 2, 2))
    np.testing.assert_array_equal(found.target, U[:, 1:])


@pytest.mark.parametrize("points", [8, 9])
def test_waves_are_interpolated_exactly_on_periodic_axes(points):
    x, y = (np.arange(points) + 0.5) / points, np.linspace(0, 1, 23)
    wave = lambda x: 1 + np.sin(2 * np.pi * 3 * x + 0.4)  # noqa: E731
    np.testing.assert_allclose(axis_matrix(x, y, True) @ wave(x), wave(y), atol=1e-12)


@pytest.mark.parametrize(("points", "power"), [(3, 1), (6, 3)])
def test_polynomials_are_interpolated_exactly_on_other_axes(points, power):
    x = (np.arange(points) + 0.5) / points
    y = np.linspace(x[0], x[-1], 11)
    np.testing.assert_allclose(axis_matrix(x, y, False) @ x**power, y**power, atol=1e-12)
    np.testing.assert_allclose(axis_matrix(x, np.array([0.0]), False) @ x, x[:1])  # constant beyond the ends


@pytest.mark.parametrize(
    ("selection", "u", "message"),
    [
        ({}, U[:, :1], "expected at least 2 frames, 1 to start from and one to compare with, got 1"),
        ({}, U[..., [0, 0]], "frames: expected .trajectory, time, 1 space axes, 1 channel.s. .*got shape"),
        (
            {},
            np.where(U > 2.9, np.nan, U),
            "frames: NaN or infinity in trajectory 0; leave incomplete frames",
        ),
        ({"frames": [0]}, U, "frames_observed: expected at least one frame after the first 1, got .0."),
        ({"frames": [9]}, U, "frames_observed: expected numbers from 0 to 3"),
        ({"points_every": 3}, U, "points_every: expected a divisor of the 16 points"),
        ({"points_every": 0}, U, "points_every: expected a whole number of at least 1, got 0"),
        ({"channels": ["v"]}, U, "channels: the surrogate has no channel 'v'"),
        ({"channels": []}, U, "channels: expected at least one"),
    ],
)
def test_wrong_arrays_and_selections(selection, u, message):
    with pytest.raises(ValueError, match=message):
        Selection(**selection).of(PROBLEM, ONE_FRAME, u)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"equation": "burgers"}, "expected equation advection of the surrogate, got burgers; choose"),
        ({"channel_names": ("v",)}, "expected channels u of the surrogate, got v"),
        ({"boundaries": ("wall",)}, "expected boundaries periodic of the surrogate, got wall"),
        (
            {"times": 0.07 * np.arange(4)},
            "one step of the surrogate is 0.1 long; expected frames that far apart",
        ),
        ({"coordinates": (np.arange(16.0),)}, "expected a domain of length 1 as in training, got 16"),
    ],
)
def test_trajectories_of_another_problem(changes, message):
    with pytest.raises(ValueError, match=message):
        Selection().of(PROBLEM, ONE_FRAME, trajectories(U, **changes))


def test_trajectories_with_other_parameters_or_one_frame():
    with pytest.raises(ValueError, match="expected parameters .or none. Nu of the surrogate, got beta"):
        Selection().of(
            problem_of("burgers", equation="advection"), ONE_FRAME, trajectories(U, beta=[0.1, 0.2])
        )
    with pytest.raises(ValueError, match="expected at least two frames, a first one and one to compare with"):
        Selection().of(PROBLEM, ONE_FRAME, trajectories(U[:, :1]))


@pytest.mark.parametrize(
    ("initial", "message"),
    [
        (U[:1, 0], "initial: expected the first frames .2, 1, 16, 1., got shape"),
        (np.full((2, 16, 1), np.nan), "initial: expected finite first frames"),
    ],
)
def test_wrong_initial_frames(initial, message):
    with pytest.raises(ValueError, match=message):
        Selection().of(PROBLEM, ONE_FRAME, U, initial)
    found = Selection(points_every=4).of(PROBLEM, ONE_FRAME, U, U[:, 0])
    assert found.exact_start and found.to_grid == (None,) and found.first.shape == (2, 1, 16, 1)
