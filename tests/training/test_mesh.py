"""Several devices: losses and weights are those of one device, and only gradients are communicated."""

import pytest
from four_devices import results

from cape.training.mesh import MeshConfig, make_mesh

TOLERANCE = 1e-5  # relative


@pytest.fixture(scope="module")
def found(compiled_programs):
    """What four devices give without a training."""
    return results("too_large", "automatic", "statistics", folder=compiled_programs)


@pytest.fixture(scope="module")
def muon(compiled_programs):
    """What a training on four devices gives."""
    return results("muon", folder=compiled_programs)["muon"]


def assert_equal_to_one_device(case):
    assert case["losses"] < TOLERANCE
    assert max(case["weights"].values()) < TOLERANCE, case["weights"]


@pytest.mark.thorough
def test_twenty_updates_on_four_devices_are_those_on_one(muon):
    assert_equal_to_one_device(muon)


@pytest.mark.thorough
def test_an_update_communicates_the_gradients_once_and_nothing_else(muon):
    assert list(muon["collectives"]) == ["all-reduce"]
    losses = 2 * 4  # prediction and auxiliary loss of four steps
    assert sum(muon["collectives"]["all-reduce"]) == muon["numbers"] + losses


def test_statistics_over_the_batch_are_those_of_the_whole_batch(found):
    assert found["statistics"] < 1e-6


def test_all_devices_that_divide_the_batch_are_used(found):
    assert found["automatic"] == [4, 2, 1]


def test_a_batch_that_cannot_be_divided_is_refused(found):
    assert found["too_large"] == (
        "training.batch: expected a multiple of training.mesh.batch = 4 devices, got 10"
    )


def test_more_devices_than_there_are_are_refused():
    with pytest.raises(
        ValueError, match=r"training.mesh.batch: expected at most 1, the number of devices, got 3"
    ):
        make_mesh(MeshConfig(batch=3), 6)


def test_a_negative_number_of_devices_is_refused():
    for name in ("batch", "members"):
        with pytest.raises(ValueError, match=rf"training.mesh.{name}: expected at least 0, got -1"):
            MeshConfig(**{name: -1})


def test_one_device_has_no_mesh():
    assert make_mesh(MeshConfig(), 8) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", ["divided_weights", "through_time", "accumulated", "streamed", "batch_normalisation"]
)
def test_other_settings_on_four_devices_give_what_one_device_gives(compiled_programs, case):
    assert_equal_to_one_device(results(case, folder=compiled_programs)[case])
