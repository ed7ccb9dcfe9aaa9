"""Optimisers: which weights are matrices to Muon, and what its steps look like."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cape.model.config import FNO, Cape, ModelConfig
from cape.problem import Problem
from cape.surrogate import Surrogate
from cape.training.optimisers import Muon, matrices

pytestmark = pytest.mark.usefixtures("standard_promotion")


def test_matrices_are_the_maps_between_channels():
    problem = Problem(
        "unknown",
        ("u",),
        ("nu",),
        ("periodic",),
        (16,),
        (0.0,),
        (1.0,),
        0.1,
        4,
        (0.0,),
        (1.0,),
        (0.1,),
        (1.0,),
    )
    model = ModelConfig(FNO(width=4, modes=3, layers=1, projection=4, kernel=3), Cape(heads=2, width=4))
    surrogate = Surrogate(problem, model, rngs=nnx.Rngs(0))
    params = nnx.to_pure_dict(nnx.state(surrogate, nnx.Param))["conditioned"]
    chosen = matrices({"conditioned": params})["conditioned"]
    assert not jax.tree.leaves(chosen["block"])
    base = chosen["base"]
    for spectral in (base["spectral"][0]["real"], base["spectral"][0]["imaginary"]):
        assert (spectral.reduction_axis, spectral.output_axis) == (1, 2)  # [mode, in, out]
    assert base["pointwise"][0]["weight"] is not None
    assert base["pointwise"][0]["bias"] is None
    assert base["local"][0]["weight"] is None
    assert base["out"]["weight"] is None  # one output channel: a vector


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
