"""Warnings of rollouts outside the training data."""

import warnings

import numpy as np
import pytest
from small_surrogates import SMALL, problem_of, surrogate_of

from cape.out_of_distribution import (
    LongerThanTrained,
    OtherResolution,
    OutOfDistributionWarning,
    OutsideTrainedRange,
)
from cape.solvers.unet import UNetConfig


@pytest.mark.parametrize(
    ("base", "points", "warned"),
    [
        (SMALL, 16, False),
        (SMALL, 32, False),
        (SMALL, 48, True),
        (SMALL, 12, True),
        (UNetConfig(features=4, levels=1), 16, False),
        (UNetConfig(features=4, levels=1), 32, True),
    ],
    ids=str,
)
def test_in_python_grids_up_to_twice_as_fine_are_no_news_to_spectral_models(base, points, warned):
    surrogate = surrogate_of(problem_of("burgers"), base)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        surrogate.warn_out_of_distribution(np.array([[0.1]]), (points,), 5, base.finest_grid)
    assert [w.category for w in caught] == [OtherResolution] * warned


def test_warnings_of_a_rollout_point_to_its_caller_and_share_a_parent():
    surrogate = surrogate_of(problem_of("burgers"))
    with pytest.warns(OutOfDistributionWarning) as caught:
        surrogate.rollout(np.zeros((1, 12, 1)), {"Nu": 2.0}, 6)
    assert [w.category for w in caught] == [OutsideTrainedRange, OtherResolution, LongerThanTrained]
    assert {w.filename for w in caught} == {__file__}
    assert (
        "12 points (trained on 16): 1.33 times coarser than in training; smaller structures are lost"
        in str(caught[1].message)
    )
