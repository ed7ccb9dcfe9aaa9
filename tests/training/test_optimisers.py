"""Optimisers: which weights are matrices to Muon, and the size of its steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from unit_box import build, problem_of

from cape.model.conditionings.film import FiLMConfig
from cape.training.optimisers import OPTIMISERS, Muon, matrices
from cape.training.update import elementwise_weights

pytestmark = pytest.mark.usefixtures("standard_promotion")


def test_matrices_are_the_maps_between_channels():
    surrogate = build(problem_of(16, parameters=("nu",)))
    params = nnx.to_pure_dict(nnx.state(surrogate, nnx.Param))
    chosen = matrices(params, elementwise_weights(surrogate))["conditioning"]
    assert not jax.tree.leaves(chosen["propagator"])
    base = chosen["base"]
    for spectral in (base["spectral"][0]["real"], base["spectral"][0]["imaginary"]):
        assert (spectral.reduction_axis, spectral.output_axis) == (1, 2)  # [mode, in, out]
    assert base["pointwise"][0]["weight"] is not None
    assert base["pointwise"][0]["bias"] is None
    assert base["local"][0]["weight"] is None
    assert base["out"]["weight"] is None  # one output channel: a vector


def test_elementwise_weights_are_depthwise_kernels_and_all_weights_of_the_first_guess():
    surrogate = build(problem_of(16, parameters=("nu",)))
    propagator = {("conditioning", "propagator", name) for name in ("displacement", "log_diffusion", "mix")}
    assert elementwise_weights(surrogate) == propagator | {("conditioning", "base", "local", "0", "weight")}
    film = build(problem_of(16, parameters=("nu",)), conditioning=FiLMConfig(width=4))
    assert elementwise_weights(film) == {("conditioning", "base", "local", "0", "weight")}


@pytest.mark.parametrize("optimiser", OPTIMISERS.parts.values())
def test_every_optimiser_lowers_a_loss(optimiser):
    params = {"weight": jnp.ones((3, 4, 4)), "bias": jnp.ones(4)}

    def loss(params):
        return sum(jnp.sum(each**2) for each in params.values())

    @jax.jit
    def update(params, state):
        before, gradients = jax.value_and_grad(loss)(params)
        changes, state = transformation.update(gradients, state, params)
        return optax.apply_updates(params, changes), state, before

    transformation = optimiser().build(20, 10, frozenset({("bias",)}))
    state, losses = transformation.init(params), []
    for _ in range(20):
        params, state, before = update(params, state)
        losses.append(float(before))
    assert losses[-1] < losses[0]


def test_a_step_of_a_matrix_has_equal_singular_values_and_the_size_of_an_adam_step():
    random = np.random.default_rng(0)
    params = {"weight": jnp.asarray(random.standard_normal((3, 8, 6)), jnp.float32), "bias": jnp.zeros(6)}
    grads = {"weight": jnp.asarray(random.standard_normal((3, 8, 6)), jnp.float32), "bias": jnp.ones(6)}
    optimiser = Muon(learning_rate=0.1, weight_decay=0.0, rise=0.0, clip=0.0).build(1000, 10)
    state = optimiser.init(params)
    _, state = optimiser.update(grads, state, params)  # the first one starts the rise
    step, _ = optimiser.update(grads, state, params)
    singular = np.linalg.svd(np.asarray(step["weight"]), compute_uv=False)
    assert (singular.max(-1) / singular.min(-1) < 2).all()  # those of the gradient: 4 to 30 apart
    size = float(jnp.sqrt(jnp.mean(step["weight"] ** 2)))
    assert size == pytest.approx(0.2 * 0.1, rel=0.2)
    np.testing.assert_allclose(step["bias"], -0.1, rtol=0.2)  # AdamW, with Nesterov momentum
