"""Compressible flow: conservation, symmetries and independence of samples."""

import numpy as np
import pytest

from cape.datasets.equations.compressible import GAMMA, random_flow
from cape.datasets.schemes import compressible
from cape.datasets.schemes.compressible import evolve
from cape.datasets.schemes.viscosity import as_in_benchmark, newtonian
from cape.datasets.simulate.cells import cell_centres

SEED = 7
NONE = np.zeros(1)  # no viscosity, one sample
STRESSES = pytest.mark.parametrize(
    "stress", [as_in_benchmark, pytest.param(newtonian, marks=pytest.mark.thorough)]
)


def flow(dimension, points, samples=1, mach=0.5):
    return random_flow(dimension, SEED, samples)(cell_centres(points), np.full(samples, mach))


def totals(w):
    """Mass, energy and momentum [sample, time, 2 + dimension] on the whole grid."""
    rho, p, v = w[..., 0], w[..., 1], w[..., 2:]
    energy = p / (GAMMA - 1) + 0.5 * rho * (v**2).sum(axis=-1)
    densities = np.concatenate([np.stack([rho, energy], axis=-1), rho[..., None] * v], axis=-1)
    return densities.mean(axis=tuple(range(2, w.ndim - 1)))


@pytest.mark.parametrize(
    ("dimension", "points", "stress"),
    [
        (1, 64, as_in_benchmark),
        pytest.param(2, 16, newtonian, marks=pytest.mark.thorough),
        pytest.param(2, 16, as_in_benchmark, marks=pytest.mark.thorough),
        pytest.param(3, 8, newtonian, marks=pytest.mark.thorough),
    ],
)
def test_mass_momentum_and_energy_are_conserved_to_rounding(dimension, points, stress):
    w = flow(dimension, points, samples=2, mach=1.0)
    u = evolve(w, np.array([0.1, 0.0]), np.array([0.0, 0.01]), np.array([0, 0.02]), stress=stress)
    assert np.abs(u[:, 1] - u[:, 0]).max() > 0.1
    np.testing.assert_allclose(totals(u)[:, 1], totals(u)[:, 0], rtol=1e-12, atol=1e-12)


@STRESSES
def test_the_solver_commutes_with_shifts_and_reflections(stress):
    def image(w):
        return np.roll(w[:, ::-1], (3, -5), axis=(0, 1)) * np.array([1, 1, 1, -1])

    w, eta = flow(2, 16)[0], np.full(2, 0.02)
    u, moved = evolve(np.stack([w, image(w)]), eta, eta, np.array([0, 0.02]), stress=stress)[:, 1]
    np.testing.assert_allclose(moved, image(u), atol=1e-11)


@pytest.mark.thorough
@pytest.mark.parametrize("axis", [0, 1])
def test_a_flow_along_any_axis_is_the_flow_in_one_dimension(axis):
    w, times, used = flow(1, 32), np.array([0, 0.1]), [0, 1, 2 + axis]
    line = evolve(w, NONE, NONE, times)[0, 1]
    wide = np.zeros((1, *[32 if a == axis else 2 for a in range(2)], 4))
    np.moveaxis(wide, 1 + axis, -2)[..., used] = w[0]
    u = np.moveaxis(evolve(wide, NONE, NONE, times, length=wide.shape[1] / 32)[0, 1], axis, -2)
    np.testing.assert_allclose(u[..., used], np.stack([line] * 2), atol=1e-11)


@pytest.mark.thorough
def test_a_sample_does_not_depend_on_the_others(monkeypatch):
    w, times = flow(2, 16, samples=2, mach=1.0), np.array([0, 0.05])
    eta = np.array([0.3, 1e-8])
    together = evolve(w, eta, eta, times)
    monkeypatch.setattr(compressible, "CELLS_AT_ONCE", 1)
    np.testing.assert_allclose(evolve(w, eta, eta, times), together, rtol=1e-9, atol=1e-9)


def test_an_evolution_can_be_interrupted_at_any_frame():
    w, eta = flow(2, 16, samples=2), np.array([0.01, 0.1])
    whole = evolve(w, eta, eta, np.array([0, 0.02, 0.04]))
    rest = evolve(whole[:, 1], eta, eta, np.array([0.02, 0.04]))
    np.testing.assert_allclose(rest[:, 1], whole[:, 2], rtol=1e-10, atol=1e-10)


def test_strong_damping_turns_motion_into_heat_and_leaves_pressure_positive():
    """Within one step a fast flow on a coarse grid comes to rest: all of its energy is heat then."""
    w = flow(2, 16, samples=2, mach=3.0)
    u = evolve(w, np.array([3.0, 0.3]), np.array([0.0, 3.0]), np.array([0, 0.05, 1.0]))
    assert u[..., :2].min() > 0 and np.abs(u[0, 2, ..., 2:]).max() < 0.1
    np.testing.assert_allclose(totals(u)[:, 2], totals(u)[:, 0], rtol=1e-12, atol=1e-12)


def test_a_wave_leaves_through_an_open_boundary():
    x = cell_centres(200)
    w = np.zeros((1, 200, 3)) + np.array([1.0, 1.0, 0.0])
    w[..., :2] += 0.01 * np.exp(-(((x - 0.5) / 0.06) ** 2))[:, None] * np.array([1.0, GAMMA])
    u = evolve(w, NONE, NONE, np.array([0, 0.8]), boundary="outgoing")[0, 1]
    assert np.abs(u - w[0, 0, :]).max() < 1e-3
