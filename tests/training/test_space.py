"""Space shared by several devices: updates are those of one device, and devices exchange no whole fields."""

import dataclasses
import re

import divided_space
import numpy as np
import pytest
from divided_space import CASES, FNO, SAMPLES, surrogate_of, trajectories
from four_devices import results
from small_trainings import fresh

from cape.paper.fno import PaperFNOConfig
from cape.training.mesh import MeshConfig, make_mesh
from cape.training.space import why_undividable

TOLERANCE = 1e-5  # relative


def assert_equal_to_one_device(case):
    assert case["losses"] < TOLERANCE
    assert max(case["gradients"].values()) < TOLERANCE, case["gradients"]
    assert not case["collectives of one"]
    assert "all-gather" not in case["collectives"]


@pytest.fixture(scope="module")
def fno(compiled_programs):
    """The update of an FNO with CAPE in 2D on four devices."""
    return results("fno 2d", folder=compiled_programs, program=divided_space.__file__)["fno 2d"]


@pytest.mark.thorough
def test_an_update_with_divided_space_is_that_of_one_device(fno):
    assert_equal_to_one_device(fno)


@pytest.mark.thorough
def test_spectral_layers_are_summed_once_and_propagators_exchanged_once(fno):
    found = fno["collectives"]  # of the input of a step, of the step and of its gradient
    assert found.keys() == {"all-reduce", "all-to-all"}
    assert len(found["all-to-all"]) == 5  # there and back, there and back, and the gradient of the way back
    modes = FNO.width * SAMPLES * (2 * FNO.modes) * FNO.modes * 2
    losses = 4 * SAMPLES  # squares of errors and of true frames, of predictions and of first guesses
    assert sum(found["all-reduce"]) == 3 * FNO.layers * modes + losses + fno["weights"]
    assert len(found["all-reduce"]) == 3 * FNO.layers + 2  # and losses, and gradients


@pytest.mark.thorough
def test_memory_of_a_device_falls_as_space_is_divided(fno):
    assert fno["memory"] < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("case", list(CASES)[1:])
def test_other_models_with_divided_space_give_what_one_device_gives(compiled_programs, case):
    assert_equal_to_one_device(results(case, folder=compiled_programs, program=divided_space.__file__)[case])


@pytest.mark.slow
def test_devices_that_the_batch_leaves_over_share_space(compiled_programs):
    found = results("training", folder=compiled_programs, program=divided_space.__file__)
    one, four, mesh = found["training"]
    assert mesh == [2, 2]
    np.testing.assert_allclose(four, one, rtol=TOLERANCE)


def surrogate(name, **changes):
    case = dataclasses.replace(CASES[name], **changes)
    return surrogate_of(case, trajectories(case))


@pytest.mark.parametrize(
    ("model", "parts", "reason"),
    [
        (fresh, 2, "expected a grid of two or three axes, got 16 points"),
        (
            lambda: surrogate("u-net 2d"),
            3,
            "expected a divisor of 16, the points of the first axis of 16 x 8",
        ),
        (
            lambda: surrogate("u-net 2d"),
            16,
            r"each device would have 1 x 8 of 16 x 8 points: .*2\^levels = 2",
        ),
        (lambda: surrogate("warp-u-net 2d"), 16, "an even number of points on each device"),
        (lambda: surrogate("message-passing"), 8, "needs 2 points of the next device, and each device has 1"),
        (lambda: surrogate("walls"), 8, "from 16 to 20 points, which 8 devices cannot share equally"),
        (
            lambda: surrogate("fno 2d", grid=(8, 8), base=PaperFNOConfig(width=4, modes=2)),
            2,
            "the base solver 'paper-fno' has no such form",
        ),
        (lambda: surrogate("fno 3d"), 4, "^$"),
    ],
)
def test_why_space_cannot_be_divided(model, parts, reason):
    assert re.search(reason, why_undividable(model(), parts))


def test_parts_of_space_that_do_not_fit_are_refused(monkeypatch):
    monkeypatch.setattr("jax.devices", lambda: [None] * 4)
    with pytest.raises(ValueError, match=r"training.mesh.space: 3 parts of the first axis of space: odd"):
        make_mesh(MeshConfig(space=3), 8, lambda parts: "odd" if parts == 3 else "")
    with pytest.raises(ValueError, match=r"training.mesh.space: expected at least 0, got -1"):
        MeshConfig(space=-1)


def test_more_parts_than_devices_are_refused():
    with pytest.raises(
        ValueError, match=r"training.mesh.space: expected at most 1, the number of devices, got 2"
    ):
        make_mesh(MeshConfig(space=2), 8)
