"""Advection is exact: it shifts by whole cells and returns after whole periods."""

import numpy as np

from cape.datasets.equations import advection
from cape.datasets.simulate.cells import cell_centres
from cape.datasets.simulate.waves import random_waves

SEED = 7
X = cell_centres(128)


def smooth(samples):
    return random_waves(SEED, samples, probability_absolute=0.0, probability_window=0.0, largest_offset=0.0)


def solve(*arguments, **settings):
    return advection.solve(*arguments, **settings)[..., 0]


def test_advection_shifts_by_whole_cells_and_returns_after_whole_periods():
    waves, beta = random_waves(SEED, 20), np.full(20, 0.5)
    u = solve(waves, beta, resolution=128, times=np.array([0, 3 / 64, 2.0, 4.0]))
    np.testing.assert_array_equal(u[:, 0], waves(X))
    np.testing.assert_allclose(u[:, 1], np.roll(u[:, 0], 3, axis=1), atol=1e-12)
    np.testing.assert_allclose(u[:, 2:], np.stack([u[:, 0]] * 2, axis=1), atol=1e-12)


def test_advection_takes_one_speed_per_sample():
    beta = np.array([0.0, -1.0, 4.0])
    u = solve(smooth(3), beta, resolution=64, times=np.array([0, 1 / 64]))
    for sample, cells in enumerate((0, -1, 4)):
        np.testing.assert_allclose(u[sample, 1], np.roll(u[sample, 0], cells), atol=1e-12)
