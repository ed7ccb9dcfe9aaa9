"""Parameter use: steps that obey, ignore or half ignore their parameters are told apart."""

import dataclasses
import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from small_surrogates import SMALL, surrogate_of

from cape.datasets.arrays import in_memory
from cape.evaluation.evaluate import evaluate
from cape.evaluation.parameter_use import (
    ParametersIgnored,
    few_samples,
    measure_parameter_use,
    warn_of_ignored_parameters,
)
from cape.evaluation.wrong_parameters import mean_of, shuffled, shuffled_in
from cape.model.conditionings.unconditioned import UnconditionedConfig
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.surrogate import Surrogate

FRAMES, POINTS = 4, 16
TRAINED = np.array([[0.1, 1.0], [0.1, 2.0], [0.4, 1.0], [0.4, 2.0]])
VALUES = np.array([*TRAINED, [0.2, 1.0]])


def decaying(values=VALUES, samples=3):
    """u_n = (1 - a)^n sin(2πx + φ) with parameters a and b, of which b does nothing."""
    values = np.repeat(values, samples, axis=0)
    x, n = (np.arange(POINTS) + 0.5) / POINTS, np.arange(FRAMES)
    wave = np.sin(2 * np.pi * x + np.arange(len(values))[:, None])
    u = (1 - values[:, :1]) ** n * 1.0
    return in_memory(
        (u[:, :, None] * wave[:, None])[..., None].astype(np.float32), values, ("a", "b"), channel_names=("u",),
        coordinates=(x,), times=0.1 * n, boundaries=("periodic",), equation="unknown",
    )  # fmt: skip


def exact(p):
    return lambda u: (1 - p[:, :1, None]) * u


def ignoring(p):
    return lambda u: 0.8 * u


def worse(p):
    """A step that is off by a tenth of the decay."""
    return lambda u: (1 - 0.9 * p[:, :1, None]) * u


def test_a_parameter_that_matters_is_obeyed_and_one_that_does_not_is_not():
    use = measure_parameter_use(worse, decaying(), TRAINED)
    assert use.varying == ("a", "b")
    assert list(use.errors) == ["right", "shuffled", "mean", "shuffled a", "shuffled b"]
    assert use.ratios["shuffled b"] == pytest.approx(1, rel=1e-6)
    fold = use.ratios["shuffled a"]
    assert fold > 3
    assert use.obeys is False
    assert use.verdict == (
        "The model obeys a but hardly depends on b: shuffled values raise the error "
        f"{fold:.3g}-fold (a), 1-fold (b)"
    )


def test_errors_with_the_right_parameters_are_those_of_the_evaluation():
    data = decaying()
    use, evaluation = measure_parameter_use(worse, data, TRAINED), evaluate(worse, data, TRAINED)
    for row, expected in zip(use.rows, evaluation.rows, strict=True):
        assert (row["parameters"], row["kind"]) == (expected.parameters, expected.kind)
        assert row["right"] == pytest.approx(expected.values["nRMSE"], rel=1e-5)
    assert [row["kind"] for row in use.rows] == ["seen", "seen", "interpolated", "seen", "seen"]


def test_one_parameter_is_named_with_its_ratio():
    data = decaying(np.array([[0.1, 1.0], [0.4, 1.0]]))
    obeying, other = (measure_parameter_use(step, data, TRAINED) for step in (exact, ignoring))
    assert obeying.varying == ("a",) and "shuffled a" not in obeying.errors
    assert obeying.obeys and "The model obeys a: shuffled parameters raise the error" in obeying.verdict
    assert other.obeys is False
    assert other.verdict == "The model hardly depends on a: shuffled parameters raise the error 1-fold"


def test_what_cannot_be_judged_is_said():
    use = measure_parameter_use(exact, decaying(TRAINED[:1]), TRAINED)
    assert (use.obeys, use.ratios) == (None, {})
    assert "The data have one parameter value" in use.verdict
    use = measure_parameter_use(lambda p: lambda u: u / 0.0, decaying(), TRAINED)
    assert use.obeys is None and use.ratios == {}
    assert "with the right parameters are not finite" in use.verdict


def test_wrong_parameters_are_others_and_the_mean():
    for column, wrong in ((0, shuffled(VALUES)), (0, shuffled_in(0, VALUES)), (1, shuffled_in(1, VALUES))):
        assert sorted(set(wrong[:, column])) == sorted(set(VALUES[:, column]))
    assert (shuffled(VALUES) != VALUES).any(axis=1).all()
    assert (shuffled_in(0, VALUES)[:, 0] != VALUES[:, 0]).all()
    np.testing.assert_array_equal(shuffled_in(0, VALUES)[:, 1], VALUES[:, 1])
    np.testing.assert_allclose(mean_of(np.array([[1.0, 1.0], [100.0, 2.0]])), [10.0, 1.5])


def test_a_few_samples_are_spread_over_the_values():
    values = np.stack([np.linspace(0.1, 0.5, 20), np.ones(20)], axis=1)
    some = few_samples(decaying(values, samples=6))
    found, counts = np.unique(some.parameters[:, 0], return_counts=True)
    assert (counts == 4).all() and len(found) == 8
    assert (found[0], found[-1]) == (values[0, 0], values[-1, 0])


def test_a_surrogate_that_ignores_its_parameters_is_warned_of():
    data = decaying()
    surrogate = surrogate_of(dataclasses.replace(Problem.of(data), steps=3))
    with pytest.warns(
        ParametersIgnored, match="The model hardly depends on a and b: .*`cape check` says more"
    ):
        warn_of_ignored_parameters(surrogate, data)
    unconditioned = Surrogate(surrogate.problem, ModelConfig(SMALL, UnconditionedConfig()), rngs=nnx.Rngs(0))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ParametersIgnored)
        warn_of_ignored_parameters(unconditioned, data)


def test_parameters_that_are_obeyed_raise_no_warning(monkeypatch):
    data = decaying(np.array([[0.1, 1.0], [0.4, 1.0]]))
    surrogate = surrogate_of(dataclasses.replace(Problem.of(data), steps=3))
    monkeypatch.setattr(Surrogate, "at", lambda self, p: exact(jnp.asarray(p)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ParametersIgnored)
        warn_of_ignored_parameters(surrogate, data)
