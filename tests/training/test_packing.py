"""Packing: an optimiser on few large arrays makes the updates that it makes on many small ones."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest

from cape.training.optimisers import AdamW, Muon, matrices
from cape.training.packing import clipped_by_global_norm, global_norm, packed

pytestmark = pytest.mark.usefixtures("standard_promotion")
SHAPES = {"spectral": (3, 4, 4), "square": (4, 4), "wide": (4, 7), "tall": (7, 4), "bias": (5,), "scalar": ()}


def arrays(seed: int) -> dict:
    random = np.random.default_rng(seed)
    return {name: jnp.asarray(random.standard_normal(shape), jnp.float32) for name, shape in SHAPES.items()}


def after(optimiser: optax.GradientTransformation, steps: int = 5) -> dict:
    params = arrays(0)
    state, update = optimiser.init(params), jax.jit(optimiser.update)
    for step in range(steps):
        changes, state = update(arrays(1 + step), state, params)
        params = optax.apply_updates(params, changes)
    return params


def test_muon_on_packed_matrices_is_muon_on_each_weight():
    settings = {"weight_decay": 0.1, "adam_weight_decay": 0.1, "adam_b2": 0.99, "consistent_rms": 0.2}
    coefficients = (3.4445, -4.7750, 2.0315)  # of optax, in its unrolled iteration
    plain = optax.contrib.muon(
        0.01, ns_coeffs=coefficients, muon_weight_dimension_numbers=matrices, **settings
    )
    ours = Muon(0.01, weight_decay=0.1).unclipped(lambda step: 0.01, frozenset())
    found = after(ours)
    for name, value in after(plain).items():
        np.testing.assert_allclose(found[name], value, rtol=2e-5, atol=2e-6, err_msg=name)


def test_adamw_on_a_vector_is_adamw_on_each_weight():
    ours = AdamW(0.01, weight_decay=0.1).unclipped(lambda step: 0.01, frozenset())
    plain = optax.adamw(lambda step: 0.01, b2=0.99, weight_decay=0.1)
    found = after(ours)
    for name, value in after(plain).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, err_msg=name)


def test_matrices_of_equal_shape_share_an_array_and_all_other_weights_a_vector():
    state = packed(optax.trace(0.9), matrices).init(arrays(0))
    shapes = {name: array.shape for name, array in state.trace.items()}
    assert shapes == {
        "matrices 4x4 float32": (4, 4, 4),
        "matrices 4x7 float32": (1, 4, 7),
        "matrices 7x4 float32": (1, 7, 4),
        "vector float32": (1024,),
    }


def test_the_order_of_packed_weights_is_kept():
    def unchanged(updates, state, params=None):
        return updates, state

    identity = packed(optax.GradientTransformation(lambda params: (), unchanged), matrices)
    given = arrays(0)
    changes, _ = identity.update(given, (), given)
    jax.tree.map(np.testing.assert_array_equal, changes, given)


def test_global_norm_counts_both_parts_of_complex_numbers():
    tree = {"real": jnp.array([3.0, 0.0]), "complex": jnp.array([[4j]]), "more": jnp.array(12.0)}
    assert float(global_norm(tree)) == pytest.approx(13.0)


@pytest.mark.parametrize(("largest", "factor"), [(26.0, 1.0), (6.5, 0.5)])
def test_gradients_are_scaled_down_to_the_largest_norm(largest, factor):
    tree = {"a": jnp.array([5.0, 0.0]), "b": jnp.array([[12j]])}
    clipped, _ = clipped_by_global_norm(largest).update(tree, optax.EmptyState())
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, factor * b), clipped, tree)
