"""Compressible flow: closed forms, the exact Riemann solution, and damping of waves."""

import numpy as np
import pytest

from cape.datasets.equations.compressible import GAMMA
from cape.datasets.schemes.compressible import evolve
from cape.datasets.schemes.viscosity import as_in_benchmark, newtonian
from cape.datasets.simulate.cells import cell_centres

SEED = 7
NONE = np.zeros(1)  # no viscosity, one sample
STRESSES = pytest.mark.parametrize(
    "stress", [pytest.param(as_in_benchmark, marks=pytest.mark.thorough), newtonian]
)


def vortex(points, t, length=10.0):
    """An isentropic vortex (Shu 1998) carried along the diagonal of a periodic square: one sample."""
    x = length * cell_centres(points) - length / 2
    x, y = ((a - t + length / 2) % length - length / 2 for a in np.meshgrid(x, x, indexing="ij"))
    bell = 5 / (2 * np.pi) * np.exp(0.5 * (1 - x**2 - y**2))
    temperature = 1 - (GAMMA - 1) / (2 * GAMMA) * bell**2
    rho = temperature ** (1 / (GAMMA - 1))
    return np.stack([rho, rho * temperature, 1 - bell * y, 1 + bell * x], axis=-1)[None]


@pytest.mark.thorough
def test_a_vortex_is_carried_with_second_order():
    errors = []
    for points in (32, 64):
        w = evolve(vortex(points, 0.0), NONE, NONE, np.array([0, 0.5]), length=10.0)
        errors.append(np.abs(w[:, 1] - vortex(points, 0.5)).mean(axis=(0, 1, 2)))
    coarse, fine = errors
    assert (fine < 2.5e-3).all()
    assert (np.log2(coarse / fine) > 1.7).all()


def riemann(left, right, speed):
    """Exact solution (ρ, p, v) of the Riemann problem at x/t = speed: Toro (2009), chapter 4."""

    def fan_or_shock(p, rho, pressure):
        c = np.sqrt(GAMMA * pressure / rho)
        if p > pressure:
            a, b = 2 / ((GAMMA + 1) * rho), (GAMMA - 1) / (GAMMA + 1) * pressure
            return (p - pressure) * np.sqrt(a / (p + b))
        return 2 * c / (GAMMA - 1) * ((p / pressure) ** ((GAMMA - 1) / (2 * GAMMA)) - 1)

    low, high = 1e-9, 1e3
    for _ in range(200):
        p = 0.5 * (low + high)
        total = sum(fan_or_shock(p, rho, pressure) for rho, pressure, _ in (left, right)) + right[2] - left[2]
        low, high = (p, high) if total < 0 else (low, p)
    v = 0.5 * (left[2] + right[2] + fan_or_shock(p, *right[:2]) - fan_or_shock(p, *left[:2]))
    side = -1 if speed < v else 1  # everything is mirrored so that waves run to the left
    rho, pressure, velocity = left if side < 0 else right
    velocity, speed, star = -side * velocity, -side * speed, -side * v
    c = np.sqrt(GAMMA * pressure / rho)
    if p > pressure:
        front = velocity - c * np.sqrt((GAMMA + 1) / (2 * GAMMA) * p / pressure + (GAMMA - 1) / (2 * GAMMA))
        ratio, k = p / pressure, (GAMMA - 1) / (GAMMA + 1)
        behind = rho * (ratio + k) / (k * ratio + 1)
        state = (rho, pressure, velocity) if speed < front else (behind, p, star)
    else:
        behind = rho * (p / pressure) ** (1 / GAMMA)
        tail = star - np.sqrt(GAMMA * p / behind)
        inside = 2 / (GAMMA + 1) * (c + (GAMMA - 1) / 2 * velocity + speed)
        squeezed = 2 / (GAMMA + 1) + (GAMMA - 1) / (GAMMA + 1) * (velocity - speed) / c
        fan = (
            rho * squeezed ** (2 / (GAMMA - 1)),
            pressure * squeezed ** (2 * GAMMA / (GAMMA - 1)),
            inside,
        )
        state = (
            (rho, pressure, velocity) if speed < velocity - c else (behind, p, star) if speed > tail else fan
        )
    return np.array([state[0], state[1], -side * state[2]])


@pytest.mark.parametrize(
    ("left", "right", "t", "bound"),
    [
        ((1.0, 1.0, 0.0), (0.125, 0.1, 0.0), 0.2, 0.006),  # Sod's tube
        ((1.0, 0.4, -1.5), (1.0, 0.4, 1.5), 0.12, 0.012),  # two fans with next to nothing between them
        ((1.0, 1.0, 2.0), (1.0, 1.0, -2.0), 0.2, 0.025),  # two shocks
    ],
)
def test_shock_tubes_agree_with_the_exact_solution(left, right, t, bound):
    x = cell_centres(200)
    w = np.where((x < 0.5)[:, None], np.array(left), np.array(right))[None]
    w = evolve(w, NONE, NONE, np.array([0, t]), boundary="outgoing")[0, 1]
    exact = np.stack([riemann(left, right, (point - 0.5) / t) for point in x])
    assert (np.abs(w - exact).mean(axis=0) < bound * np.abs(exact).max(axis=0)).all()
    assert w[:, :2].min() > 0


@STRESSES
def test_a_shear_wave_decays_at_the_viscous_rate(stress):
    """vᵧ = A sin 2πx: the rate is k² η/ρ for a dynamic viscosity η, and k² η for a kinematic one."""
    x, rho, times, eta = cell_centres(32), 2.0, np.array([0, 0.05, 0.2]), np.array([1e-3, 1.0])
    w = np.zeros((2, 32, 4, 4)) + np.array([rho, 20.0, 0.0, 0.0])
    w[..., 3] = 1e-3 * np.sin(2 * np.pi * x)[:, None]
    u = evolve(w, eta, np.array([0.7, 0.0]), times, stress=stress)[..., 3]
    rate = (2 * np.pi) ** 2 * eta / (rho if stress is newtonian else 1.0)
    decay = np.exp(-rate[:, None] * times)[..., None, None]
    np.testing.assert_allclose(u, decay * u[:, :1], atol=1.5e-2 * 1e-3)


@STRESSES
def test_a_sound_wave_swings_and_is_damped_by_both_viscosities(stress):
    """A standing wave is a damped oscillator: rate ν k²/2, ν = (ζ + 4η/3)/ρ or, kinematic, ζ + 4η/3."""
    x, rho, p, k = cell_centres(64), 2.0, 3.0, 2 * np.pi
    eta, zeta, times = 0.03, 0.02, np.linspace(0, 0.6, 5)
    w = np.zeros((1, 64, 3)) + np.array([rho, p, 0.0])
    w[..., 2] = 1e-4 * np.sin(k * x)
    u = evolve(w, np.array([eta]), np.array([zeta]), times, stress=stress)[0, ..., 2]
    rate = 0.5 * k**2 * (zeta + 4 * eta / 3) / (rho if stress is newtonian else 1.0)
    omega = np.sqrt(k**2 * GAMMA * p / rho - rate**2)
    swing = np.exp(-rate * times) * (np.cos(omega * times) - rate / omega * np.sin(omega * times))
    np.testing.assert_allclose(u, swing[:, None] * u[:1], atol=1.5e-2 * 1e-4)
