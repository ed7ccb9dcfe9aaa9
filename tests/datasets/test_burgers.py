"""The Burgers equation: the Cole-Hopf solution first, then identities and errors."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from analytic_fields import SimpleWaves, relative_error, sine

from cape.datasets.equations import burgers
from cape.datasets.schemes import burgers as burgers_scheme
from cape.datasets.simulate.cells import cell_averages, cell_centres
from cape.datasets.simulate.waves import random_waves

SEED = 7
X = cell_centres(128)


def cole_hopf(waves, diffusion, x, t):
    """u(x, t) = ⟨z⟩/t, z = x − y weighted by exp(−(U₀(x − z) + z²/2t) / 2ν), U₀' = u₀: Hopf (1950), eq. 8.

    One sample of smooth waves, by the trapezoidal rule; in logarithms, so that nothing overflows.
    """
    k = 2 * np.pi * waves.wave_numbers[0]
    spread = np.sqrt(2 * diffusion * t)
    reach = waves.amplitudes.sum() * t + 9 * spread
    sharpest = np.sqrt(2 * diffusion / (1 / t + (k * waves.amplitudes[0]).sum()))
    z = np.arange(-reach, reach, sharpest / 12)
    u = np.empty_like(x)
    for i, point in enumerate(x):
        potential = sum(
            -a / w * np.cos(w * (point - z) + p)
            for a, w, p in zip(waves.amplitudes[0], k, waves.phases[0], strict=True)
        )
        exponent = -(potential + z**2 / (2 * t)) / (2 * diffusion)
        weight = np.exp(exponent - exponent.max())
        u[i] = weight @ z / weight.sum() / t
    return u


def smooth(samples):
    return random_waves(SEED, samples, probability_absolute=0.0, probability_window=0.0, largest_offset=0.0)


def solve(*arguments, **settings):
    return burgers.solve(*arguments, **settings)[..., 0]


@pytest.mark.parametrize("nu", [0.01, 0.1, 1.0])
def test_burgers_agrees_with_cole_hopf(nu):
    waves, times = smooth(3), np.array([0, 0.1, 0.5, 2.0])
    u = solve(waves, np.full(3, nu), resolution=128, times=times)
    exact = [
        [cole_hopf(waves.select(slice(i, i + 1)), nu / np.pi, X[::4], t) for t in times[1:]] for i in range(3)
    ]
    np.testing.assert_array_equal(u[:, 0], waves(X))
    assert relative_error(u[:, 1:, ::4], np.array(exact)) < 3e-4


def test_burgers_with_a_mean_is_carried_by_it():
    waves, nu = smooth(3), np.full(3, 0.05)
    carried = replace(waves, offsets=np.full(3, 0.5))  # by a quarter of the domain until t = 0.5
    still, moved = (solve(w, nu, resolution=128, times=np.array([0, 0.5])) for w in (waves, carried))
    assert relative_error(moved[:, 1] - 0.5, np.roll(still[:, 1], 32, axis=-1)) < 1e-3


def test_burgers_conserves_mass_and_makes_no_new_extremum():
    averages = cell_averages(random_waves(SEED, 16), 256)
    u = burgers_scheme.evolve(averages, np.geomspace(1e-3, 4, 16), np.linspace(0, 1, 5))
    np.testing.assert_allclose(u.mean(axis=2), np.stack([u[:, 0].mean(axis=1)] * 5, axis=1), atol=1e-13)
    overshoot = np.abs(u).max(axis=2) - np.abs(averages).max(axis=1)[:, None]
    assert overshoot.max() < 1e-3


def test_small_burgers_waves_decay_like_heat():
    nu, times = np.array([4.0, 0.3]), np.array([0, 0.01, 0.2])
    u = solve(sine([[2], [1]], 1e-7), nu, resolution=64, times=times)
    k = 2 * np.pi * np.array([2, 1])
    decay = np.exp(-(nu / np.pi * k**2)[:, None] * times[None, :])
    np.testing.assert_allclose(u, decay[:, :, None] * u[:, :1], atol=1e-11)


def test_burgers_commutes_with_a_change_of_frame():
    """u(x − ct, t) + c solves the equation when u does: a mean that moves everything by half the domain."""
    waves, nu, times = smooth(4), np.full(4, 0.05), np.array([0, 0.5])
    still = solve(waves, nu, resolution=64, times=times)[:, 1]
    moving = solve(SimpleWaves(lambda x: waves(x) + 1), nu, resolution=64, times=times)[:, 1]
    assert relative_error(moving - 1, np.roll(still, 32, axis=1)) < 1e-3


def test_burgers_from_values_continues_what_it_started():
    waves, nu = smooth(4), np.full(4, 0.1)
    times = np.array([0, 0.2, 0.4])
    whole = solve(waves, nu, resolution=128, times=times)
    from_values = burgers_scheme.solve_from(waves(X), nu, times)
    np.testing.assert_allclose(from_values, whole, atol=1e-6)
    rest = burgers_scheme.solve_from(whole[:, 1], nu, times[:2])
    assert relative_error(rest[:, 1], whole[:, 2]) < 1e-3


def test_burgers_samples_have_their_own_viscosity():
    waves, times = smooth(2), np.array([0, 0.3])
    together = solve(waves, np.array([0.1, 1.0]), resolution=64, times=times)
    alone = solve(waves.select(slice(1, 2)), np.array([1.0]), resolution=64, times=times)
    np.testing.assert_allclose(together[1:], alone, atol=1e-4)


def test_burgers_runs_as_coarsely_and_cheaply_as_asked():
    waves, nu, times = smooth(2), np.full(2, 0.2), np.linspace(0, 0.5, 3)
    fine = solve(waves, nu, resolution=32, times=times)
    coarse = solve(waves, nu, resolution=32, times=times, refinement=1)
    cheap = solve(waves, nu, resolution=32, times=times, refinement=1, courant=1.0, dtype=np.float32)
    assert cheap.dtype == np.float32 and coarse.dtype == np.float64
    assert 1e-4 < relative_error(coarse, fine) < 2e-2
    assert relative_error(cheap, coarse) < 2e-2
    own = burgers_scheme.evolve(cell_averages(waves, 32), nu, times)  # no finer grid inside
    assert relative_error(coarse, own) < 1e-2


@pytest.mark.thorough
def test_burgers_reproduces_the_benchmark(pdebench):
    for nu, bound in ((0.01, 2e-3), (1.0, 1e-3)):
        with h5py.File(pdebench / f"1D_Burgers_Sols_Nu{nu}.hdf5") as file:
            published = file["tensor"][:12, :21].astype(float)
        u = burgers_scheme.solve_from(published[:, 0], np.full(12, nu), np.linspace(0, 1, 21))
        assert relative_error(u, published) < bound


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: burgers_scheme.evolve(np.zeros((2, 8)), np.ones(3), np.arange(2)), "averages"),
        (lambda: burgers_scheme.evolve(np.zeros((2, 8)), np.zeros(2), np.arange(2)), "positive viscosity"),
        (lambda: burgers_scheme.evolve(np.zeros((2, 8)), np.ones(2), np.zeros(2)), "increase"),
        (lambda: burgers_scheme.solve_from(np.zeros(8), np.ones(1), np.arange(2)), "shape"),
        (lambda: burgers_scheme.solve_from(np.full((1, 8), np.nan), np.ones(1), np.arange(2)), "NaN"),
        (lambda: solve(sine(1), np.ones(1), resolution=8, times=np.arange(2), refinement=4), "odd"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_burgers_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
