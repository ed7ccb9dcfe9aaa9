"""The predicted error of rollouts: images of frames, features, the regression, its threshold, and ensembles."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from observed_trajectories import STEPS, dependent_surrogate, observed, trajectories
from small_surrogates import SMALL, problem_of

import cape
from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.pretrained import save
from cape.surrogate import Surrogate
from cape.uncertainty.calibrate import calibrate
from cape.uncertainty.images import images_of, shifted
from cape.uncertainty.predicted_error import fit_error_model, predicted_error
from cape.uncertainty.record import UncertaintyRecord
from cape.uncertainty.rollout_features import count_features, describe_rollouts


def random(*shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


@pytest.mark.parametrize("equation", ["advection", "gray-scott-small"])
def test_an_image_is_undone(equation):
    problem = problem_of(equation, 16)
    u = random(2, 3, *problem.resolution, len(problem.channels))
    u = shifted(u, tuple(range(2, 2 + problem.dimension)), 0.0)
    k = len(images_of(problem))
    assert (
        k == 5 and len(images_of(dataclasses.replace(problem, boundaries=("wall",) * problem.dimension))) == 4
    )
    for number, image in enumerate(images_of(problem)):
        if number == 4:  # a shift by half a cell loses the highest mode
            u = shifted(shifted(u, (2,), 0.5), (2,), -0.5)
            u = shifted(shifted(u, (3,), 0.5), (3,), -0.5) if problem.dimension > 1 else u
        np.testing.assert_allclose(image.undo(image.apply(u)), u, atol=3e-6)
        assert np.abs(image.apply(u) - u).max() > 0.1


def test_a_shift_is_that_of_a_wave():
    x = jnp.arange(15, dtype=jnp.float32) / 15
    wave = lambda x: jnp.sin(2 * jnp.pi * 3 * x)[None, None, :, None]  # noqa: E731
    np.testing.assert_allclose(shifted(wave(x), (2,), 0.5), wave(x + 0.5 / 15), atol=2e-6)


def test_a_step_without_errors_has_small_differences_of_images():
    problem = problem_of("advection", 32)

    def exact(given, parameters, steps):  # waves that move by a quarter of a cell in a step
        return jnp.stack([shifted(given, (2,), -0.25 * (n + 1))[:, 0] for n in range(steps)], 1)[:, None]

    def wrong(given, parameters, steps):  # and change their shape
        return exact(given + 0.1 * given**2, parameters, steps)

    x = jnp.arange(32, dtype=jnp.float32) / 32
    u = jnp.stack([jnp.sin(2 * jnp.pi * (k * x)) for k in (1, 2)])[:, None, :, None]
    p = jnp.full((2, 1), 0.5)
    good, bad = (describe_rollouts(problem, roll, u, p, 3) for roll in (exact, wrong))
    assert good.features.shape == (2, count_features(problem, 1))
    sign, smaller, shift = (slice(10 + 2 * image, 12 + 2 * image) for image in (0, 3, 4))
    for symmetry in (sign, smaller, shift):  # of advection, which a reflection is not
        assert np.asarray(good.features[:, symmetry]).max() < np.log(1e-4)
    for broken in (sign, smaller):
        assert np.asarray(bad.features[:, broken]).min() > np.log(1e-3)
    np.testing.assert_array_equal(good.frames, exact(u, p, 3)[:, 0])
    lost = describe_rollouts(problem, lambda *a: jnp.full((12, 1, 3, 32, 1), jnp.nan), u, p, 3)
    assert np.isfinite(np.asarray(lost.features)).all()


def test_a_linear_relation_is_found_and_its_threshold_flags_large_errors():
    draw = np.random.default_rng(1)
    features, group = draw.normal(size=(400, 6)), np.arange(400) % 8
    noise = 0.2 * draw.normal(size=400)
    target = -4 + features @ np.array([0.9, -0.5, 0, 0, 0.3, 0])
    errors = np.exp(target + noise)
    model = fit_error_model(features, errors, group, np.ones(400, bool))
    record = UncertaintyRecord(json.dumps(model.content))
    found = np.asarray(predicted_error(record, jnp.asarray(features, jnp.float32)))
    np.testing.assert_allclose(np.log(found), target, atol=0.15)
    assert np.corrcoef(model.left_out, target)[0, 1] > 0.99
    large, flagged = errors > 3 * errors.mean(), np.log(found) > record.array("threshold")
    assert flagged[large].mean() > 0.85 and flagged[~large].mean() < 0.1
    far = np.asarray(predicted_error(record, jnp.full((1, 6), 1e6, jnp.float32)))
    assert np.log(far[0]) <= record.array("bounds")[1] + 1e-5


def test_no_more_than_eight_of_a_hundred_are_flagged_if_no_error_is_large():
    draw = np.random.default_rng(2)
    features, group = draw.normal(size=(200, 3)), np.arange(200) % 5
    model = fit_error_model(features, np.exp(0.1 * features[:, 0]), group, np.zeros(200, bool))
    assert (model.left_out > model.content["threshold"]).mean() <= 0.08


def test_the_spread_of_members_is_a_feature():
    problem = problem_of("advection", 32)
    x = jnp.arange(32, dtype=jnp.float32) / 32
    u = jnp.sin(2 * jnp.pi * x)[None, None, :, None]

    def two(
        given, parameters, steps
    ):  # members that differ by 0.1 (n + 1) of the given frame, to either side
        change = 0.1 * jnp.arange(1, steps + 1, dtype=jnp.float32)[None, :, None, None]
        return jnp.stack([given * (1 + sign * change) for sign in (-1, 1)], 1)

    describe = jax.jit(lambda u, p: describe_rollouts(problem, two, u, p, 3))
    found = describe(u, jnp.full((1, 1), 0.5))
    np.testing.assert_allclose(found.frames, jnp.repeat(u, 3, 1), atol=1e-6)
    assert found.features.shape == (1, count_features(problem, 2)) == (1, count_features(problem, 1) + 2)
    spread = np.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(found.features[0, -2:], np.log([np.sqrt((spread**2).mean()), 0.3]), atol=1e-4)


@pytest.mark.thorough
def test_an_ensemble_is_calibrated_and_saved(tmp_path):
    problem = dependent_surrogate().problem
    ensemble = Surrogate(problem, ModelConfig(SMALL, FiLMConfig(width=4), members=3), rngs=nnx.Rngs(1))
    values = np.repeat([0.1, 0.2, 0.4, 0.7, 1.0], 8)
    u = observed(dependent_surrogate(), values, seed=1)
    record = calibrate(ensemble, trajectories(u, beta=values))
    assert len(record.array("weights")) == count_features(problem, 3) + 1
    save(ensemble, tmp_path)
    found, again = (
        s.rollout(u[:, 0], values[:, None], STEPS, uncertainty=True) for s in (ensemble, cape.load(tmp_path))
    )
    for name in found._fields:
        np.testing.assert_array_equal(getattr(found, name), getattr(again, name))
    inside = np.abs(np.asarray(found.frames) - u[:, 1:]) <= np.asarray(found.half_width)[:, :, None]
    assert inside.mean() > 0.85
