"""Reaction and diffusion: closed forms first, then order and bounds."""

import numpy as np
import pytest
from analytic_fields import sine

from cape.datasets.equations import reaction_diffusion
from cape.datasets.equations.reaction_diffusion import normalised_waves
from cape.datasets.schemes import reaction_diffusion as reaction_diffusion_scheme
from cape.datasets.simulate.cells import cell_centres

SEED = 7
X = cell_centres(128)


def solve(*arguments, **settings):
    return reaction_diffusion.solve(*arguments, **settings)[..., 0]


def test_a_uniform_density_grows_logistically():
    rho, times = np.array([0.5, 3.0]), np.array([0, 0.1, 1.0])
    u = reaction_diffusion_scheme.evolve(np.full((2, 32), 0.2), np.ones(2), rho, times)
    growth = np.exp(rho[:, None] * times[None, :])
    exact = 0.2 * growth / (1 + 0.2 * (growth - 1))
    np.testing.assert_allclose(u, np.stack([exact] * 32, axis=2), rtol=1e-11)


def test_without_reaction_densities_obey_the_heat_equation():
    def waves(x):
        return 0.5 + 0.5 * np.sin(4 * np.pi * np.atleast_2d(x))

    times = np.array([0, 0.02, 0.1])
    u = solve(waves, np.array([0.3]), np.zeros(1), resolution=128, times=times)
    exact = 0.5 + 0.5 * np.exp(-0.3 * (4 * np.pi) ** 2 * times)[:, None] * np.sin(4 * np.pi * X)[None, :]
    np.testing.assert_allclose(u[0], exact, atol=1e-12)


def test_reaction_diffusion_converges_at_second_order():
    u0, times = normalised_waves(SEED, 2)(cell_centres(64)), np.array([0, 0.5])
    nu, rho = np.full(2, 0.01), np.full(2, 8.0)
    solutions = [
        reaction_diffusion_scheme.evolve(u0, nu, rho, times, step=0.5 / n)[:, 1] for n in (20, 40, 80)
    ]
    coarse, fine = (np.abs(a - b).max() for a, b in zip(solutions[:-1], solutions[1:], strict=True))
    assert 3.5 < coarse / fine < 4.5


def test_densities_stay_between_zero_and_one():
    u = solve(
        normalised_waves(SEED, 30),
        np.geomspace(1e-5, 5, 30),
        np.full(30, 10.0),
        resolution=64,
        times=np.arange(2.0),
    )
    assert u.min() >= 0 and u.max() < 1.1


def test_a_negative_density_is_refused():
    with pytest.raises(ValueError, match="at least zero"):
        solve(sine(1), np.ones(1), np.ones(1), resolution=16, times=np.arange(2.0))
