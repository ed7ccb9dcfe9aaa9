"""FitzHugh-Nagumo: parts with closed forms, symmetry and order of convergence."""

import numpy as np
from analytic_fields import grid, homogeneous, relative_error
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from cape.datasets.equations.fitzhugh_nagumo import random_patches
from cape.datasets.equations.fitzhugh_nagumo import solve as solve_fitzhugh_nagumo
from cape.datasets.schemes import fitzhugh_nagumo
from cape.datasets.simulate.cells import cell_centres

SEED = 7
ONE = np.ones(1)


def test_without_diffusion_fitzhugh_nagumo_is_its_reaction():
    k, start, times = 0.3, [0.95, 0.05], np.array([0, 1.0, 10.0])
    exact = solve_ivp(
        lambda _, u: [u[0] - u[0] ** 3 - k - u[1], u[0] - u[1]],
        (0, 10),
        start,
        t_eval=times,
        rtol=1e-11,
        atol=1e-12,
    ).y.T
    u = fitzhugh_nagumo.evolve(homogeneous([start]), 1e-3 * ONE, 5e-3 * ONE, k * ONE, times, step=0.02)
    np.testing.assert_allclose(u, np.broadcast_to(exact[None, :, None, None], u.shape), atol=1e-6)


def test_small_waves_between_walls_obey_the_linear_equations():
    """cos(πm(x + 1)/2) cos(πn(y + 1)/2) has no flux through the walls, and k = 0 keeps u = v = 0."""
    x, y = grid(16, 2.0)  # from wall to wall
    wave, squared = np.cos(1.5 * np.pi * x) * np.cos(np.pi * y), (2.25 + 1) * np.pi**2
    du, dv, times = 0.01, 0.03, np.array([0, 0.5, 3.0])
    u0 = 1e-6 * np.stack([wave, -0.5 * wave], axis=-1)[None]
    u = fitzhugh_nagumo.evolve(u0, du * ONE, dv * ONE, 0 * ONE, times, step=0.02)
    linear = np.array([[1 - du * squared, -1], [1, -1 - dv * squared]])
    exact = np.stack([expm(t * linear) @ [1e-6, -0.5e-6] for t in times])
    np.testing.assert_allclose(u[0], exact[:, None, None] * wave[None, ..., None], atol=1e-12)


def test_fitzhugh_nagumo_converges_at_fourth_order_in_time_and_spectrally_in_space():
    def final(n, step):
        x, y = grid(n)  # cosines of 2x and 2y are smooth across the walls
        u0 = np.stack([np.cos(2 * np.pi * x) * np.cos(np.pi * y), 0.3 * np.cos(np.pi * y) + 0 * x], axis=-1)
        parameters = 0.01 * ONE, 0.02 * ONE, 0.01 * ONE
        return fitzhugh_nagumo.evolve(u0[None], *parameters, np.array([0.0, 2.0]), step=step)[:, 1]

    fine = final(12, 0.05)
    coarse, medium = (relative_error(final(12, step), fine) for step in (0.4, 0.2))
    assert 11 < coarse / medium < 24 and medium < 1e-3
    fine = final(60, 0.4)
    errors = [
        relative_error(final(n, 0.4), fine[:, 30 // n :: 60 // n, 30 // n :: 60 // n]) for n in (4, 12, 20)
    ]
    assert errors[1] < 0.1 * errors[0] and errors[2] < 0.01 * errors[1]


def test_fitzhugh_nagumo_commutes_with_mirrors_and_is_resolved():
    patches, times = random_patches(SEED, 1), np.array([0, 2.0])
    parameters = 3e-3 * ONE, 6e-3 * ONE, 0.01 * ONE
    u = solve_fitzhugh_nagumo(patches, *parameters, resolution=20, times=times, points=60)
    x = 2 * cell_centres(60) - 1
    mirrored = patches(x, x, width=2 / 60)[:, ::-1].transpose(0, 2, 1, 3)
    image = fitzhugh_nagumo.evolve(mirrored, *parameters, times)[:, 1, 1::3, 1::3]
    np.testing.assert_allclose(image, u[:, 1, ::-1].transpose(0, 2, 1, 3), atol=1e-12)
    finer = solve_fitzhugh_nagumo(patches, *parameters, resolution=20, times=times, points=100)
    assert relative_error(u[:, 1], finer[:, 1]) < 0.01
