"""Problems: through JSON, and statistics of the training data."""

import dataclasses
import json

import numpy as np
import pytest
from unit_box import problem_of

from cape.datasets.arrays import in_memory
from cape.problem import Problem


def test_problem_goes_through_json():
    problem = problem_of(8, 12)
    assert Problem.from_dict(json.loads(json.dumps(dataclasses.asdict(problem)))) == problem


def test_statistics_are_read_a_few_samples_at_a_time():
    u = np.random.default_rng(0).normal(1000.0, 0.5, (130, 2, 8, 2)).astype(np.float32) * [1.0, 1e-3]
    x = np.arange(8) / 8
    data = {
        "channel_names": ("a", "b"),
        "coordinates": (x,),
        "times": (0.0, 0.1),
        "boundaries": ("periodic",),
    }
    read = Problem.of(in_memory(u, np.ones((130, 1)), ("nu",), **data))
    np.testing.assert_allclose(
        read.channel_mean, u.astype(np.float32).mean((0, 1, 2), dtype=np.float64), rtol=1e-9
    )
    np.testing.assert_allclose(
        read.channel_std, u.astype(np.float32).std((0, 1, 2), dtype=np.float64), rtol=1e-6
    )
    means = u.astype(np.float32).mean(2, dtype=np.float64)
    drift = np.sqrt(((means - means[:, :1]) ** 2).mean((0, 1)))
    np.testing.assert_allclose(read.channel_drift, drift, rtol=1e-4)
    assert read.conserved == (False, False)
    kept = Problem.of(in_memory(u - u.mean(2, keepdims=True), np.ones((130, 1)), ("nu",), **data))
    assert kept.conserved == (True, True)
    with pytest.raises(ValueError, match="'b'.*constant"):
        Problem.of(in_memory(u * [1.0, 0.0] + 3.0, np.ones((130, 1)), ("nu",), **data))


def test_a_problem_without_smallest_values_is_read():
    """Folders of converted weights do not describe the data."""
    described = dataclasses.asdict(problem_of(8, channels=2))
    del described["channel_low"], described["channel_drift"]
    read = Problem.from_dict(described)
    assert read.channel_low == read.channel_drift == () and read.conserved == (False, False)
    with pytest.raises(ValueError, match="expected 2 entries of channel_low"):
        Problem.from_dict(described | {"channel_low": [1.0]})
