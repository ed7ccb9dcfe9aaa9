"""Damped waves: closed forms, decay of the energy, and the semigroup."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cape.datasets.equations.wave import Displacements, random_displacements, solve
from cape.datasets.simulate.cells import cell_centres

SEED = 7
X = cell_centres(64)
TIMES = np.array([0, 0.1, 0.5, 1.3])


def derivative(u, order=1):
    """Differentiate u[..., x] on [0, 1) by its Fourier series."""
    k = 2j * np.pi * np.arange(u.shape[-1] // 2 + 1)
    return np.fft.irfft(np.fft.rfft(u) * k**order, u.shape[-1])


def test_undamped_waves_are_those_of_dalembert():
    initial, c = random_displacements(SEED, 2), np.array([0.5, 2.0])
    still = Displacements(initial.u, 0 * initial.v)
    u = solve(still, c, np.zeros(2), resolution=64, times=np.array([0, 0.25]))[..., 0]
    cells = (c * 0.25 * 64).astype(int)
    for start, later, n in zip(u[:, 0], u[:, 1], cells, strict=True):
        np.testing.assert_allclose(later, (np.roll(start, n) + np.roll(start, -n)) / 2, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 4 * np.pi, 40.0])  # free, below, at and above critical damping
def test_every_wave_is_a_damped_oscillator(gamma):
    initial = Displacements(np.array([[0.3 + 0j]]), np.array([[-2.0 + 0j]]))
    u = solve(initial, np.ones(1), np.full(1, gamma), resolution=64, times=TIMES)[0]
    matrix = np.array([[0, 1], [-((2 * np.pi) ** 2), -gamma]])
    exact = solve_ivp(
        lambda _, y: matrix @ y, (0, 1.3), [0.3, -2.0], t_eval=TIMES, rtol=1e-11, atol=1e-12
    ).y.T
    np.testing.assert_allclose(u, exact[:, None] * np.sin(2 * np.pi * X)[:, None], atol=1e-8)


def test_the_energy_is_conserved_without_damping_and_falls_with_it():
    initial, c, gamma = random_displacements(SEED, 3), np.array([0.5, 1.0, 2.0]), np.array([0.0, 0.5, 2.0])
    u, v = np.moveaxis(solve(initial, c, gamma, resolution=64, times=np.linspace(0, 1, 201)), -1, 0)
    energy = (v**2 + (c[:, None, None] * derivative(u)) ** 2).mean(axis=2) / 2
    np.testing.assert_allclose(energy[0], energy[0, 0], rtol=1e-11)
    loss = np.trapezoid((gamma[:, None, None] * v**2).mean(axis=2), dx=1 / 200)
    np.testing.assert_allclose(energy[:, 0] - energy[:, -1], loss, rtol=1e-3, atol=1e-9 * energy.max())


def test_channels_are_a_displacement_and_its_velocity_and_obey_the_equation():
    initial, c, gamma, h = random_displacements(SEED, 2), np.array([0.7, 1.5]), np.array([0.5, 2.0]), 1e-4
    before, now, after = np.moveaxis(
        solve(initial, c, gamma, resolution=64, times=np.array([0, h, 2 * h])), 1, 0
    )
    rate = (after - before) / (2 * h)
    force = c[:, None] ** 2 * derivative(now[..., 0], 2) - gamma[:, None] * now[..., 1]
    np.testing.assert_allclose(rate[..., 0], now[..., 1], atol=1e-3)
    np.testing.assert_allclose(rate[..., 1], force, atol=1e-5 * np.abs(force).max())


def test_initial_displacements_have_mean_zero_and_depend_on_seed_and_sample_alone():
    few, many = random_displacements(SEED, 2), random_displacements(SEED, 9)
    np.testing.assert_array_equal(few.v, many.select(slice(0, 2)).v)
    u = solve(many, np.ones(9), np.ones(9), resolution=64, times=TIMES)
    np.testing.assert_allclose(u.mean(axis=2), 0, atol=1e-12)
    with pytest.raises(ValueError, match="at least one sample"):
        random_displacements(SEED, 0)
