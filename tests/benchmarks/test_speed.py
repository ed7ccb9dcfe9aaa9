"""The speed benchmark: its floors, its count of kernels, and the agreement of PyTorch and our published form."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from speed.cases import CASES
from speed.floor import floors, pointwise, spectral, step_cost
from speed.kernels import kernels


@pytest.mark.parametrize("name", ["cape-fno-1d", "cape-fno-2d", "fno-1d", "cape-unet-1d"])
def test_contender_equals_ours(name):
    pytest.importorskip("torch")
    from speed.agreement import largest_difference

    case = dataclasses.replace(CASES[name].quick(), size=8, batch=2, frames=2 if "unet" in name else 4)
    difference = largest_difference(case, autoregressive=2)
    assert difference["loss"] < 1e-5
    assert (
        difference["gradient"] < 3e-4
    )  # sums over all points that nearly cancel, as in the reference arrays


def test_costs_of_layers():
    assert pointwise(10, 3, 5).forward == 2 * 10 * 3 * 5
    assert pointwise(10, 3, 5).training_bytes == 3 * 4 * 10 * (3 + 5)
    # to 4 complex modes and back, for 2 channels each, and 4 complex 2x2 products
    one = spectral((16,), 4, 2, 2)
    assert one.forward == 2 * (2 * 16 * 8 * 2) + 8 * 4 * 4
    assert one.training == 2 * 2 * (2 * 16 * 8 * 2) + 3 * 8 * 4 * 4  # constant matrices have no gradient


def test_floors_grow_with_the_work():
    case = CASES["cape-fno-1d"]
    paper, default = (floors(case, form, gemm=1e11, bandwidth=1e10) for form in ("paper", "default"))
    cost = step_cost(case, "paper")
    samples = 50 * (40 * cost.training + 19 * cost.forward)
    assert paper["train"].arithmetic == pytest.approx(samples / 1e11)
    assert paper["rollout"].arithmetic == pytest.approx(50 * 40 * cost.forward / 1e11)
    assert default["train"].arithmetic < paper["train"].arithmetic


def test_kernels_of_loops_count_once_for_every_iteration():
    def once(x, w):
        return jnp.sin(x @ w) @ w

    def often(x, w):
        return jax.lax.fori_loop(0, 7, lambda _, x: once(x, w), x)

    def unknown(x, w, n):
        return jax.lax.fori_loop(0, n, lambda _, x: once(x, w), x)

    x, w = jnp.ones((64, 64)), jnp.ones((64, 64))
    single, seven, given = (
        kernels(jax.jit(f).lower(*arguments).compile().as_text(), 3)
        for f, arguments in ((once, (x, w)), (often, (x, w)), (unknown, (x, w, jnp.int32(5))))
    )
    assert single >= 2  # the two products at least
    assert 7 * single <= seven <= 7 * (single + 4) + 4  # the counter, its comparison and copies come on top
    assert 3 * single <= given <= 3 * (single + 4) + 4
    with pytest.raises(ValueError, match="ENTRY"):
        kernels("nothing", 1)
