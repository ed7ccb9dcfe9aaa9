"""Ensembles on several devices: members are shared without communication, and results are those of one device."""

import divided_members
import pytest
from four_devices import results

TOLERANCE = 1e-5  # relative


@pytest.fixture(scope="module")
def found(compiled_programs):
    """How four devices are divided among the members of ensembles."""
    cases = ("automatic_for_members", "refused_members")
    return results(*cases, folder=compiled_programs, program=divided_members.__file__)


@pytest.fixture(scope="module")
def update_of_members(compiled_programs):
    """An update of an ensemble on four devices."""
    name = "members_of_an_update"
    return results(name, folder=compiled_programs, program=divided_members.__file__)[name]


def assert_equal_to_one_device(case):
    assert case["losses"] < TOLERANCE
    assert max(case["weights"].values()) < TOLERANCE, case["weights"]


@pytest.mark.thorough
def test_devices_that_share_members_communicate_nothing(update_of_members):
    assert update_of_members["collectives"] == {}


@pytest.mark.thorough
def test_a_dry_run_says_what_devices_that_share_members_need(update_of_members):
    case = update_of_members
    assert case["described"] == ["devices: 4 of 4 share 8 members, 2 on each"]
    assert case["devices"] == [1, 4]
    step = 4  # bytes of the number of updates, which all devices have
    assert case["state"][0] - step == 4 * (case["state"][1] - step)
    assert case["data"][0] == case["data"][1]  # every member is trained on all trajectories


def test_devices_that_the_members_leave_over_share_the_batch(found):
    assert found["automatic_for_members"] == [[4, 1, 1], [2, 2, 1], [2, 1]]  # 4 does not divide 6


def test_members_that_cannot_be_divided_are_refused(found):
    assert found["refused_members"] == [
        "training.mesh.members: expected a divisor of model.members = 8, got 3",
        "training.mesh.members: expected a divisor of model.members = 1, got 2",
        "training.mesh: expected batch x space x members of at most 4, the number of devices, got 2 x 1 x 4",
        "training.member_share: each member takes 6 trajectories of a batch of 8, expected a multiple of "
        "training.mesh.batch = 4 devices",
        'training.mesh.weights: "divided" works for one model in one process, expected "replicated" for an ensemble',
    ]


@pytest.mark.slow
def test_twenty_updates_of_an_ensemble_are_those_on_one_device(compiled_programs):
    cases = ("members", "members_and_batch", "members_with_shares_of_a_batch", "batch_of_members")
    found = results(*cases, folder=compiled_programs, program=divided_members.__file__)
    for case in found.values():
        assert_equal_to_one_device(case)
    assert found["members"]["collectives"] == {}
    for name, parts, members in (("members_and_batch", 2, 2), ("batch_of_members", 1, 3)):
        case, losses = found[name], members * 2 * 4  # as above
        assert list(case["collectives"]) == ["all-reduce"]
        assert sum(case["collectives"]["all-reduce"]) == (case["numbers"] + losses) // parts


@pytest.mark.slow
def test_an_ensemble_goes_on_with_fewer_devices(compiled_programs):
    found = results("members_continued", folder=compiled_programs, program=divided_members.__file__)
    assert found["members_continued"] < TOLERANCE
