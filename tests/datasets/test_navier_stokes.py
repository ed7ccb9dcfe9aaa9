"""Incompressible flow: closed forms, conservation and order of convergence."""

import numpy as np
import pytest
from analytic_fields import grid, relative_error

from cape.datasets.equations.incompressible import points_for, random_vorticity
from cape.datasets.equations.incompressible import solve as solve_navier_stokes
from cape.datasets.schemes import incompressible
from cape.datasets.simulate.cells import cell_centres

SEED = 7
ONE = np.ones(1)


def test_taylor_green_vortices_decay():
    x, y = grid(16)
    w0 = np.stack(
        [np.cos(2 * np.pi * x) * np.cos(2 * np.pi * y), np.sin(4 * np.pi * x) * np.sin(4 * np.pi * y)]
    )
    nu, times = np.array([0.01, 0.003]), np.array([0, 0.3, 2.0])
    w = incompressible.evolve(w0, nu, np.zeros_like(w0), times)
    decay = np.exp(-8 * np.pi**2 * (nu * [1, 4])[:, None] * times)
    np.testing.assert_allclose(w, decay[:, :, None, None] * w0[:, None], atol=1e-12)


def test_the_forcing_alone_spins_up_its_own_shear_flow():
    """All of it is one |k|, so that it does not advect itself: w = f (1 − exp(−8π²νt)) / 8π²ν."""
    nu, amplitude, times = np.array([0.01, 0.1]), np.array([0.1, 1.0]), np.array([0, 1.0, 5.0])

    class Rest:
        def __call__(self, x, y):
            return np.zeros((2, len(x), len(y), 1))

    w = solve_navier_stokes(Rest(), nu, amplitude, resolution=16, times=times, points=16)[..., 0]
    x, y = grid(16)
    forcing = np.sin(2 * np.pi * (x + y)) + np.cos(2 * np.pi * (x + y))
    rate = 8 * np.pi**2 * nu[:, None]
    gain = amplitude[:, None] * -np.expm1(-rate * times) / rate
    np.testing.assert_allclose(w, gain[:, :, None, None] * forcing, atol=1e-12)


def test_vorticity_is_carried_by_the_velocity_it_makes():
    """ψ = cos 2πx + cos 4πy: w = −∇²ψ, u = (∂ψ/∂y, −∂ψ/∂x), and ∂ₜw = −u·∇w at first."""
    x, y = grid(24)
    k, l = 2 * np.pi, 4 * np.pi  # noqa: E741
    w0 = k**2 * np.cos(k * x) + l**2 * np.cos(l * y)
    u, v = -l * np.sin(l * y), k * np.sin(k * x)
    tendency = u * k**3 * np.sin(k * x) + v * l**3 * np.sin(l * y)
    dt = 1e-6
    w = incompressible.evolve(w0[None], 1e-12 * ONE, 0 * w0[None], np.array([0, dt]))[0]
    np.testing.assert_allclose((w[1] - w[0]) / dt, tendency, atol=1e-3 * np.abs(tendency).max())


def rough_flow(samples, n=32):
    """Random vorticity of size one whose modes a grid of n points carries."""
    modes = random_vorticity(SEED, samples).coefficients.copy()
    k = np.arange(-16, 17)[:, None]
    modes[:, (np.abs(k) > 5)[:, 0]] = 0
    modes[:, :, 6:] = 0
    x = cell_centres(n)
    w = type(random_vorticity(SEED, 1))(modes)(x, x)[..., 0]
    return w / w.std(axis=(1, 2), keepdims=True)


def energy_and_enstrophy(w):
    n = w.shape[-1]
    k = 2 * np.pi * np.fft.fftfreq(n, 1 / n)
    squared = k[:, None] ** 2 + k[None, :] ** 2
    power = np.abs(np.fft.fft2(w) / n**2) ** 2 / 2
    return np.stack(
        [(power / np.where(squared > 0, squared, 1)).sum(axis=(-2, -1)), power.sum(axis=(-2, -1))]
    )


def test_a_flow_without_viscosity_keeps_energy_enstrophy_and_mean():
    w0 = rough_flow(1)
    w = incompressible.evolve(w0, 1e-14 * ONE, 0 * w0, np.linspace(0, 2, 5))
    np.testing.assert_allclose(w.mean(axis=(2, 3)), 0, atol=1e-14)
    before, after = energy_and_enstrophy(w[:, 0]), energy_and_enstrophy(w[:, 4])
    assert relative_error(w[:, 4], w[:, 0]) > 0.1
    np.testing.assert_allclose(after, before, rtol=2e-5)


def test_enstrophy_is_lost_to_viscosity_and_won_from_the_forcing():
    """d/dt ⟨w²/2⟩ = −ν ⟨|∇w|²⟩ + ⟨f w⟩, by Simpson's rule over a short time."""
    w0, nu = rough_flow(1), 2e-3
    x, y = grid(32)
    f = np.sin(2 * np.pi * (x + y))[None]
    times = np.linspace(0, 0.2, 5)
    w = incompressible.evolve(w0, nu * ONE, f, times)[0]
    k = 2 * np.pi * np.fft.fftfreq(32, 1 / 32)
    palinstrophy = ((k[:, None] ** 2 + k[None, :] ** 2) * np.abs(np.fft.fft2(w) / 32**2) ** 2).sum(
        axis=(1, 2)
    )
    rate = -nu * palinstrophy + (f * w).mean(axis=(1, 2))
    gained = (rate * [1, 4, 2, 4, 1]).sum() * 0.05 / 3
    enstrophy = energy_and_enstrophy(w)[1]
    assert enstrophy[-1] - enstrophy[0] == pytest.approx(gained, rel=1e-4)


def test_navier_stokes_converges_at_fourth_order_in_time_and_spectrally_in_space():
    times, nu = np.array([0, 0.5]), np.full(1, 4e-3)

    def final(n, max_displacement):
        x = (np.arange(n) + 0.0) / n
        w0 = 4 * (np.sin(2 * np.pi * x)[:, None] * np.cos(4 * np.pi * x) + np.cos(2 * np.pi * x)[:, None])
        w0 = (w0 - w0.mean())[None]
        return incompressible.evolve(w0, nu, 0 * w0, times, max_displacement=max_displacement)[:, 1]

    fine = final(24, 0.25)
    coarse, medium = (relative_error(final(24, max_displacement), fine) for max_displacement in (2.0, 1.0))
    assert 10 < coarse / medium < 26 and medium < 1e-3
    fine = final(72, 1.0)
    errors = [relative_error(final(n, n / 72), fine[:, :: 72 // n, :: 72 // n]) for n in (12, 24, 36)]
    assert errors[1] < 0.1 * errors[0] and errors[2] < 0.01 * errors[1]


def test_samples_and_small_viscosities_get_the_points_they_need():
    assert points_for(np.array([1.0, 1e-2])) == 64
    assert points_for(np.array([1e-3, 1e-4])) == 80
    assert points_for(np.array([4e-4]), vorticity=4.0) == 80
    assert points_for(np.array([1e-9])) == 256
