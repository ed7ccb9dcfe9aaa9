"""Surrogates: parameters by name, what is refused, warnings outside the trained range."""

import warnings

import numpy as np
import pytest
from flax import nnx
from unit_box import P, build, problem_of, waves

from cape.out_of_distribution import OutsideTrainedRange


@pytest.fixture(scope="module")
def small():
    return build(problem_of(16))


def test_binding_parameters_once_equals_predicting(small):
    u = waves(16)
    bound = nnx.jit(lambda surrogate, p, u: surrogate.at(p)(u))
    predicted = nnx.jit(lambda surrogate, p, u: surrogate.predict(u, surrogate.prepare(p)).next)
    np.testing.assert_array_equal(bound(small, P, u), predicted(small, P, u))


def test_parameters_come_by_name_in_any_order_or_as_an_array(small):
    u0 = waves(16)
    expected = small.rollout(u0, P, 2)
    by_name = {"b": P[:, 1], "a": P[:, 0]}
    np.testing.assert_array_equal(small.rollout(u0, by_name, 2), expected)
    both = small.rollout(u0, {"a": 0.7, "b": np.float64(1.5)}, 2)
    np.testing.assert_array_equal(both, small.rollout(u0, [0.7, 1.5], 2))
    np.testing.assert_allclose(both[0], expected[0], atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"a": 1.0}, r"expected parameters \('a', 'b'\) for 2 sample"),
        ({"a": 1.0, "c": 1.0}, r"got \('a', 'c'\); missing: b, unknown: c"),
        ({"a": 1.0, "b": "fast"}, "b: expected numbers, got 'fast'"),
        ({"a": 1.0, "b": None}, "b: expected numbers, got None"),
        (None, r"expected parameters \('a', 'b'\) by name or as an array: expected numbers, got None"),
        ({"a": 1.0, "b": [1.0, 1.0, 1.0]}, r"b must be a number or \[2\], got shape \(3,\)"),
        ([1.0, 1.0, 1.0], r"expected parameters \(2, 2\) in the order \('a', 'b'\), got \(3,\)"),
        ({"a": 1.0, "b": float("nan")}, "finite parameters"),
        ({"a": 1.0, "b": float("inf")}, "finite parameters"),
    ],
)
def test_wrong_parameters_are_named(small, parameters, message):
    with pytest.raises(ValueError, match=message):
        small.rollout(waves(16), parameters, 1)


@pytest.mark.parametrize("shape", [(16, 1), (2, 16), (2, 16, 2), (2, 16, 16, 1), (0, 16, 1)])
def test_wrong_fields_are_named(small, shape):
    with pytest.raises(ValueError, match=r"expected u \[batch, 1 space axes, 1 channel"):
        small.rollout(np.zeros(shape), P, 1)


def test_outside_the_trained_range_it_warns_and_predicts(small):
    u0 = waves(16)
    with pytest.warns(
        OutsideTrainedRange, match=r"b = 3 \(trained on 0.5 to 2\): the surrogate extrapolates"
    ):
        frames = small.rollout(u0, {"a": 1.0, "b": 3.0}, 1)
    assert np.isfinite(frames).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small.rollout(u0, {"a": 0.5, "b": 2.0}, 1)
