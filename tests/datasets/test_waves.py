"""Random waves as initial conditions: what they depend on, and their distribution."""

import numpy as np
import pytest
from analytic_fields import sine

from cape.datasets.equations.reaction_diffusion import normalised_waves
from cape.datasets.simulate.cells import cell_averages, cell_centres
from cape.datasets.simulate.waves import random_waves

SEED = 7
X = cell_centres(128)


def test_initial_conditions_do_not_depend_on_the_number_of_samples_or_the_resolution():
    few, many = random_waves(SEED, 3), random_waves(SEED, 40)
    np.testing.assert_array_equal(few(X), many.select(slice(0, 3))(X))
    np.testing.assert_array_equal(many(cell_centres(128 * 3))[:, 1::3], many(X))
    densities = normalised_waves(SEED, 40)
    np.testing.assert_array_equal(densities(cell_centres(128 * 3))[:, 1::3], densities(X))


def test_random_waves_have_the_described_distribution():
    waves = random_waves(SEED, 3000)
    assert set(np.unique(waves.wave_numbers)) == {1, 2, 3, 4}
    assert waves.amplitudes.min() >= 0 and 0.98 < waves.amplitudes.max() < 1
    assert waves.amplitudes.mean() == pytest.approx(0.5, abs=0.02)
    assert waves.phases.mean() == pytest.approx(np.pi, abs=0.1)
    assert (waves.rectified != 0).mean() == pytest.approx(0.1, abs=0.02)
    assert waves.rectified.sum() == pytest.approx(0, abs=60)
    assert (waves.window_length < 1).mean() == pytest.approx(0.1, abs=0.02)
    assert np.abs(waves.offsets).max() <= 1 and waves.offsets.std() == pytest.approx(3**-0.5, abs=0.02)
    u = waves(X) - waves.offsets[:, None]
    assert (u[waves.rectified > 0] >= 0).all() and (u[waves.rectified < 0] <= 0).all()
    assert ((np.abs(u) < 1e-15).mean(axis=1) > 0.05).sum() == (waves.window_length < 0.95).sum()


def test_normalised_waves_lie_between_zero_and_one():
    u = normalised_waves(SEED, 50)(cell_centres(2048))
    assert u.min() >= 0 and u.max() <= 1
    np.testing.assert_allclose(u.max(axis=1), 1, atol=1e-3)


def test_cell_averages_of_a_sine_are_exact():
    averages = cell_averages(sine(2), 32)[0]
    np.testing.assert_allclose(averages, np.sinc(2 / 32) * np.sin(4 * np.pi * cell_centres(32)), atol=1e-9)
