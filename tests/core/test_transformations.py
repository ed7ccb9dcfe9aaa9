"""Surrogates under the transformations of JAX, in the initial frames, the parameters and the weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from unit_box import SMALL, P, build, problem_of, waves

from cape.model.conditionings.film import FiLMConfig
from cape.model.config import ModelConfig
from cape.out_of_distribution import OtherResolution, OutsideTrainedRange
from cape.surrogate import Surrogate

STEPS = 2
U0 = waves(16)


@pytest.fixture(scope="module")
def small():
    return build(problem_of(16))


def by_name(p):
    return {"b": p[:, 1], "a": p[:, 0]}


@pytest.mark.parametrize(
    "given",
    [
        lambda p: p,
        *(
            pytest.param(given, marks=pytest.mark.thorough)
            for given in (lambda p: {"a": p[0, 0], "b": 0.6}, by_name, lambda p: p[0])
        ),
    ],
)
def test_jit_gives_the_frames_of_a_plain_rollout(small, given):
    expected = small.rollout(U0, given(P), STEPS)
    in_both = jax.jit(lambda u, p: small.rollout(u, given(p), STEPS))
    np.testing.assert_allclose(in_both(U0, P), expected, atol=1e-5)
    in_u0 = jax.jit(lambda u: small.rollout(u, given(P), STEPS))
    np.testing.assert_allclose(in_u0(U0), expected, atol=1e-5)
    in_parameters = jax.jit(lambda p: small.rollout(U0, given(p), STEPS))
    np.testing.assert_allclose(in_parameters(P), expected, atol=1e-5)


def test_vmap_gives_a_rollout_for_each_value_and_each_field(small):
    values = jnp.asarray([0.6, 0.9, 1.8], jnp.float32)
    frames = jax.vmap(lambda a: small.rollout(U0, {"a": a, "b": 1.0}, STEPS))(values)
    expected = [small.rollout(U0, {"a": float(a), "b": 1.0}, STEPS) for a in values]
    np.testing.assert_allclose(frames, jnp.stack(expected), atol=1e-5)
    frames = jax.vmap(lambda u, p: small.rollout(u[None], p, STEPS)[0])(U0, P)
    np.testing.assert_allclose(frames, small.rollout(U0, P, STEPS), atol=1e-5)


def test_derivatives_agree_forward_backward_and_with_differences(small):
    def size(u, p):
        return (small.rollout(u, by_name(p), STEPS) ** 2).mean()

    directions = (waves(16, seed=1), jnp.asarray([[1.0, -0.5], [0.3, 0.7]], jnp.float32))
    for number, direction in enumerate(directions):
        arguments = [U0, P]

        def along(step, number=number, direction=direction, arguments=arguments):
            moved = [a + step * direction if i == number else a for i, a in enumerate(arguments)]
            return float(size(*moved))

        backward = (jax.jit(jax.grad(size, number))(U0, P) * direction).sum()
        zero = [jnp.zeros_like(a) for a in arguments]
        zero[number] = direction
        _, forward = jax.jvp(size, tuple(arguments), tuple(zero))
        np.testing.assert_allclose(forward, backward, rtol=1e-4)
        np.testing.assert_allclose(forward, (along(5e-3) - along(-5e-3)) / 1e-2, rtol=2e-2)


def test_the_weights_can_be_differentiated_too(small):
    grads = nnx.grad(lambda surrogate: (surrogate.rollout(U0, P, STEPS) ** 2).mean())(small)
    assert all(np.isfinite(leaf).all() and np.any(leaf != 0) for leaf in jax.tree.leaves(grads))


@pytest.mark.thorough
def test_rollouts_of_several_frames_are_transformed():
    config = ModelConfig(SMALL, FiLMConfig(width=4), history=3, bundle=2)
    surrogate = Surrogate(problem_of(16), config, rngs=nnx.Rngs(0))
    given = jnp.stack([waves(16, seed=seed) for seed in range(3)], 1)
    expected = surrogate.rollout(given, P, 3)
    np.testing.assert_allclose(
        jax.jit(lambda u, p: surrogate.rollout(u, p, 3))(given, P), expected, atol=1e-5
    )
    by_window = jax.vmap(lambda u, p: surrogate.window.rollout(surrogate.at(p[None]), u[None], 3)[0])
    np.testing.assert_allclose(by_window(given, P), expected, atol=1e-5)
    grad = jax.grad(lambda p: (surrogate.window.rollout(surrogate.at(p), given, 3) ** 2).mean())(P)
    assert np.isfinite(grad).all() and np.all(grad != 0)


def test_the_array_of_parameters_is_transformed(small):
    array = small.problem.parameter_array
    np.testing.assert_array_equal(jax.jit(lambda p: array(by_name(p), 2))(P), P)
    np.testing.assert_array_equal(jax.vmap(lambda a: array([a, 1.5], 1)[0])(P[:, 0])[:, 0], P[:, 0])
    jacobian = jax.jacobian(lambda a: array({"a": a, "b": 1.0}, 2))(0.7)
    np.testing.assert_array_equal(jacobian, [[1.0, 0.0], [1.0, 0.0]])


def test_known_values_are_checked_inside_a_transformation(small):
    with pytest.warns(OutsideTrainedRange, match=r"b = 3 \(trained on 0.5 to 2\)"):
        jax.jit(lambda u: small.rollout(u, {"a": 1.0, "b": 3.0}, STEPS))(U0)
    with pytest.raises(ValueError, match="finite parameters"):
        jax.jit(lambda u: small.rollout(u, {"a": 1.0, "b": np.nan}, STEPS))(U0)
    for damaged in (U0 * np.nan, np.full(U0.shape, np.inf)):
        with pytest.raises(ValueError, match="expected finite u0"):
            jax.jit(lambda p, u=damaged: small.rollout(u, p, STEPS))(P)


def test_traced_values_are_not_checked_and_shapes_are(small):
    rollout = jax.jit(lambda u, p: small.rollout(u, p, STEPS))
    assert np.isnan(rollout(U0 * jnp.nan, 5 * P)).all()  # without a warning
    with pytest.raises(ValueError, match=r"expected u \[batch, 1 space axes, 1 channel"):
        rollout(U0[..., 0], P)
    with pytest.raises(ValueError, match=r"expected parameters \(2, 2\) in the order"):
        rollout(U0, P[:, :1])
    with pytest.warns(OtherResolution, match="2 times coarser"):
        rollout(U0[:, ::2], P)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_fields_that_are_not_finite_in_float32_are_refused(small, value):
    u0 = np.array(U0, np.float64)
    u0[1, 3, 0] = value
    with pytest.raises(ValueError, match=r"expected finite u0 of \('u0',\), got NaN or infinity"):
        small.rollout(u0, P, STEPS)
