"""Warnings of rollouts outside the training data."""

import subprocess
import sys
import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from small_surrogates import SMALL, problem_of, surrogate_of

from cape.out_of_distribution import (
    LongerThanTrained,
    OtherResolution,
    OtherTimeStep,
    OutOfDistributionWarning,
    OutsideTrainedRange,
    time_step_warnings,
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
        surrogate.warn_out_of_distribution(jnp.array([[0.1]]), (points,), 5, base.finest_grid)
    assert [w.category for w in caught] == [OtherResolution] * warned


def test_warnings_of_a_rollout_share_a_parent():
    surrogate = surrogate_of(problem_of("burgers"))
    with pytest.warns(OutOfDistributionWarning) as caught:
        surrogate.rollout(np.zeros((1, 12, 1)), {"Nu": 2.0}, 6)
    assert [w.category for w in caught] == [OutsideTrainedRange, OtherResolution, LongerThanTrained]
    assert (
        "12 points (trained on 16): 1.33 times coarser than in training; smaller structures are lost"
        in str(caught[1].message)
    )


CALLER = """
import sys, warnings
import cape
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    cape.load(sys.argv[1]).rollout([[[0.0]] * 12], {"Nu": 2.0}, 6)
print({w.filename for w in caught} == {__file__}, len(caught))
"""


def test_warnings_of_a_rollout_point_to_its_caller(burgers, tmp_path):
    """In a process of its own: the checks of annotations in the tests add calls in between."""
    (tmp_path / "caller.py").write_text(CALLER)
    command = [sys.executable, tmp_path / "caller.py", burgers]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "True 3", done.stderr


def test_equal_time_steps_do_not_warn_and_others_do():
    problem = problem_of("burgers")
    assert time_step_warnings(problem, 0.10001, "a.hdf5") == []
    (warning,) = time_step_warnings(problem, 0.2, "a.hdf5")
    assert isinstance(warning, OtherTimeStep)
    assert str(warning).startswith("a.hdf5: its frames are 0.2 apart; the predicted frames are 0.1 apart")
