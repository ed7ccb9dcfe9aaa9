import dataclasses
import math

import jax.numpy as jnp
import numpy as np
import pytest

from cape.adaptation.conservative_step import applies, conservative_step, largest_courant, transport_axis
from cape.identification.step import step
from cape.identification.terms import WAVE_NUMBER_UNIT, Factor, Term, axes_of

DIFFUSION, TRANSPORT = Term(0, (Factor(0, (2,)),)), Term(0, (Factor(0, (0,)), Factor(0, (1,))))
UNIT = 2 * math.pi * WAVE_NUMBER_UNIT
POINTS = 64
ON = dataclasses.replace(axes_of(("periodic",), (POINTS,)), growth=0.1)
X = (np.arange(POINTS) + 0.5) / POINTS


def advanced(u, viscosity, speed, substeps=64):
    """Advance u_t + speed u u_x = viscosity u_xx on [0, 1) by one unit of time."""
    c = jnp.asarray([[viscosity * UNIT**2, -speed * UNIT]], jnp.float32)
    u = jnp.asarray(u, jnp.float32)[None, :, None]
    return np.asarray(conservative_step((DIFFUSION, TRANSPORT), ON, substeps, u, c))[0, :, 0]


def test_diffusion_is_exact():
    u = np.cos(2 * np.pi * X)
    after = advanced(u, 0.01, 0.0, substeps=3)
    assert np.allclose(after, u * np.exp(-0.01 * 4 * np.pi**2), atol=1e-5)


@pytest.mark.parametrize("speed", [0.2, -0.2])
def test_a_front_moves_with_the_mean_of_its_states_and_does_not_ring(speed):
    high = (X < 0.5) if speed > 0 else (X >= 0.5)  # the front at 1/2 is a shock, the one at 0 a fan
    after = advanced(high.astype(float), 0.0, speed)
    front = 0.5 + speed / 2
    near = np.abs(X - front) < 0.05
    expected = (front > X) if speed > 0 else (front <= X)
    outside_the_front = near & (np.abs(X - front) > 2 / POINTS)
    assert np.allclose(after[outside_the_front], expected[outside_the_front], atol=0.02)
    assert after.min() > -1e-5 and after.max() < 1 + 1e-5
    assert after.mean() == pytest.approx(high.mean(), abs=1e-5)


def test_a_smooth_field_agrees_with_fourier_modes():
    u = 0.3 * np.sin(2 * np.pi * X)
    c = jnp.asarray([[0.01 * UNIT**2, -0.2 * UNIT]], jnp.float32)
    field = jnp.asarray(u, jnp.float32)[None, :, None]
    spectral = np.asarray(step((DIFFUSION, TRANSPORT), ON, 8, field, c))[0, :, 0]
    assert np.allclose(advanced(u, 0.01, 0.2), spectral, atol=2e-3)


def test_other_products_and_forces_are_added():
    decay, force = Term(0, (Factor(0, (0,)), Factor(0, (0,)))), Term(0, (), (1,))
    c = jnp.asarray([[-0.5, 0.1, 0.0]], jnp.float32)
    u = jnp.full((1, POINTS, 1), 1.0, jnp.float32)
    after = np.asarray(conservative_step((decay, force, TRANSPORT), ON, 16, u, c))[0, :, 0]
    assert after.mean() == pytest.approx(1 / 1.5, abs=2e-3)  # u' = -u²/2, and the force has mean zero
    assert np.fft.rfft(after)[1].real > 0


def test_where_it_applies():
    assert transport_axis(TRANSPORT) == 0 and transport_axis(DIFFUSION) is None
    assert transport_axis(Term(0, (Factor(1, (0,)), Factor(0, (1,))))) is None
    assert transport_axis(Term(0, (Factor(0, (0, 0)), Factor(0, (0, 1))))) == 1
    assert applies((DIFFUSION, TRANSPORT), (True,))
    assert not applies((DIFFUSION, TRANSPORT), (False,)) and not applies((DIFFUSION,), (True,))


def test_the_courant_number_counts_cells():
    c = jnp.asarray([[0.0, -0.5 * UNIT]], jnp.float32)
    assert largest_courant((DIFFUSION, TRANSPORT), c, 2.0, (POINTS,)) == pytest.approx(POINTS, rel=1e-5)
