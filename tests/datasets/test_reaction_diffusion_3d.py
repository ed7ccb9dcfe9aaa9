"""Reaction and diffusion in three dimensions."""

import numpy as np

from cape.datasets.equations.reaction_diffusion_3d import random_densities, solve
from cape.datasets.schemes import reaction_diffusion as scheme
from cape.datasets.simulate.cells import cell_centres


def test_without_reaction_a_mode_of_the_cube_decays():
    x = cell_centres(12)
    mode = np.cos(2 * np.pi * x)[:, None, None] * np.cos(4 * np.pi * x)[:, None] * np.ones(12)
    times = np.array([0.0, 0.05, 0.2])
    u = scheme.evolve(0.5 + 0.4 * mode[None], np.array([0.02]), np.zeros(1), times)
    exact = 0.5 + 0.4 * np.exp(-0.02 * 20 * np.pi**2 * times)[:, None, None, None] * mode
    np.testing.assert_allclose(u[0], exact, atol=1e-12)


def test_a_density_that_varies_along_one_axis_is_that_of_one_dimension():
    line = 0.5 + 0.3 * np.sin(2 * np.pi * cell_centres(16))
    nu, rho, times = np.array([0.01]), np.array([3.0]), np.array([0.0, 0.3])
    expected = scheme.evolve(line[None], nu, rho, times)
    for axis in range(3):
        shape = [1, 1, 1]
        shape[axis] = 16
        cube = np.broadcast_to(line.reshape(shape), (16, 16, 16))
        u = scheme.evolve(cube[None], nu, rho, times)
        found = np.moveaxis(u[0], 1 + axis, -1)[:, 3, 5]
        np.testing.assert_allclose(found, expected[0], atol=1e-12)


def test_densities_are_the_same_on_every_grid_and_lie_between_zero_and_one():
    densities = random_densities(0, 3)
    coarse, fine = densities(cell_centres(8)), densities(cell_centres(24))
    np.testing.assert_allclose(fine[:, 1::3, 1::3, 1::3], coarse, atol=1e-12)
    assert fine.min() >= 0 and 0.1 < fine.max() < 0.8
    np.testing.assert_allclose(densities.select([1])(cell_centres(8)), coarse[1:2])
    np.testing.assert_allclose(random_densities(0, 1)(cell_centres(8)), coarse[:1])


def test_solutions_are_resolved_in_space_and_time():
    densities, times = random_densities(1, 1), np.array([0.0, 0.3])
    p = np.array([0.02]), np.array([6.0])  # on 16 points as hard as 0.005 on 32
    u = solve(densities, *p, resolution=16, times=times)
    finer = solve(densities, *p, resolution=48, times=times, step=0.005)[:, :, 1::3, 1::3, 1::3]
    assert np.sqrt(((u - finer) ** 2).mean() / (finer**2).mean()) < 1e-3
