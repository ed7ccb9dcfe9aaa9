"""Warps: closed forms, equality of gather and shifts, gradients, displacements of any size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from solver_checks import close, field

from cape.solvers.layers.warp import bounded, warp_by_gather, warp_by_shifts

BOUNDARIES = ("periodic", "wall", "outgoing")
gather = jax.jit(warp_by_gather, static_argnums=(2, 3))
shifts = jax.jit(warp_by_shifts, static_argnums=(2, 3, 4))


@pytest.mark.parametrize("cells", [-2, 0, 1])
def test_a_whole_number_of_cells_is_a_shift(cells):
    h, s = field(3, 2, 7, 5), jnp.full((3, 2, 7, 5), float(cells))
    close(shifts(h, s, 0, "periodic", 2), jnp.roll(h, cells, 2))
    close(gather(h, s, 1, "periodic"), jnp.roll(h, cells, 3))
    beyond = jnp.clip(jnp.arange(5) - cells, 0, 4)
    for boundary in ("wall", "outgoing"):
        close(shifts(h, s, 1, boundary, 2), h[..., beyond])
        close(gather(h, s, 1, boundary), h[..., beyond])


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("points", [1, 2, 8])
def test_shifts_and_gather_are_one_interpolation_with_one_gradient(boundary, points):
    h = field(2, 2, 3, points)
    s = 1.9 * jnp.tanh(field(2, 2, 3, points))

    def both(warp):
        value = lambda h, s: jnp.sum(jnp.sin(warp(h, s)))  # noqa: E731
        return jax.jit(lambda h, s: (warp(h, s), *jax.grad(value, argnums=(0, 1))(h, s)))(h, s)

    shifted = both(lambda h, s: warp_by_shifts(h, s, 1, boundary, 2))
    gathered = both(lambda h, s: warp_by_gather(h, s, 1, boundary))
    for one, other in zip(shifted, gathered, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=2e-5)


def test_gradients_are_those_of_differences_and_forward_mode_agrees():
    h, s = field(2, 1, 6), 1.5 * jnp.tanh(field(2, 1, 6))
    dh, ds = field(2, 1, 6), field(2, 1, 6)

    @jax.jit
    def warp(h, s):
        return warp_by_shifts(h, s, 0, "periodic", 2)

    _, tangent = jax.jit(lambda *given: jax.jvp(warp, given[:2], given[2:]))(h, s, dh, ds)
    step = 1e-3
    difference = (warp(h + step * dh, s + step * ds) - warp(h - step * dh, s - step * ds)) / (2 * step)
    close(tangent, difference, 1e-2)
    y = field(2, 1, 6)
    pulled_back = jax.jit(lambda h, s, y: jax.vjp(warp, h, s)[1](y))(h, s, y)
    back = sum(float(jnp.vdot(a, b)) for a, b in zip(pulled_back, (dh, ds), strict=True))
    np.testing.assert_allclose(back, float(jnp.vdot(y, tangent)), rtol=1e-4, atol=1e-5)
    close(jax.vmap(warp)(h[None], s[None])[0], warp(h, s))


def test_a_linear_field_is_displaced_exactly_between_its_ends():
    x = jnp.broadcast_to(jnp.arange(9.0), (1, 1, 9))
    s = jnp.full_like(x, 0.7)
    close(gather(x, s, 0, "wall")[..., 1:], x[..., 1:] - 0.7)
    close(shifts(x, s, 0, "wall", 1)[..., 1:], x[..., 1:] - 0.7)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("cells", [8 * 3 + 0.25, -8 * 1000 - 2.0, 1e9, -3e38])
def test_displacements_of_many_domain_lengths_are_finite(boundary, cells):
    h, s = field(1, 1, 8), jnp.full((1, 1, 8), cells)
    size = jax.value_and_grad(lambda h, s: jnp.sum(gather(h, s, 0, boundary) ** 2), argnums=(0, 1))
    value, gradients = jax.jit(size)(h, s)
    assert np.isfinite(value) and all(np.isfinite(g).all() for g in gradients)
    if boundary == "periodic" and abs(cells) < 1e4:
        close(gather(h, s, 0, boundary), gather(h, s % 8, 0, boundary), 1e-4)
    if boundary != "periodic" and abs(cells) > 8:
        close(
            gather(h, s, 0, boundary),
            jnp.broadcast_to(h[..., : 1 if cells > 0 else None][..., -1:], h.shape),
        )


def test_what_is_not_finite_stays_in_its_sample():
    h, s = field(2, 3, 8), jnp.zeros((2, 3, 8)).at[:, 1].set(jnp.nan)
    for warped in (gather(h, s, 0, "periodic"), shifts(h, s, 0, "periodic", 2)):
        assert np.isnan(warped[:, 1]).all()
        close(warped[:, ::2], h[:, ::2])


def test_a_bound_is_smooth_and_nearly_leaves_small_displacements():
    s = jnp.asarray([-3e38, -1e6, -2.0, 0.0, 0.02, 1e6, 3e38])
    found = jax.jit(lambda s: bounded(s, 2.0))(s)
    np.testing.assert_allclose(found, [-2, -2, -np.sqrt(2), 0, 0.02, 2, 2], rtol=1e-4)
    slopes = jax.jit(jax.vmap(jax.grad(lambda s: bounded(s, 2.0))))(s)
    assert np.isfinite(slopes).all() and slopes[3] == 1.0
