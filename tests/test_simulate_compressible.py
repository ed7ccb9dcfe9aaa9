"""Simulated compressible flow: closed forms and the exact Riemann solution first, then the files."""

import h5py
import jax.numpy as jnp
import numpy as np
import pytest

from cape.datasets.equations import compressible
from cape.datasets.equations.compressible import evolve
from cape.datasets.equations.equation import EQUATIONS
from cape.datasets.opening import open_files
from cape.datasets.simulate.gas import GAMMA
from cape.datasets.simulate.initial_conditions import cell_centres
from cape.datasets.simulate.random_flow import random_flow
from cape.datasets.simulate.simulation import simulate
from cape.datasets.simulate.viscosity import as_in_benchmark, newtonian

SEED = 7
NONE = np.zeros(1)  # no viscosity, one sample
STRESSES = pytest.mark.parametrize("stress", [as_in_benchmark, newtonian])


def flow(dimension, points, samples=1, mach=0.5):
    return random_flow(dimension, SEED, samples)(cell_centres(points), np.full(samples, mach))


def totals(w):
    """Mass, energy and momentum [sample, time, 2 + dimension] on the whole grid."""
    rho, p, v = w[..., 0], w[..., 1], w[..., 2:]
    energy = p / (GAMMA - 1) + 0.5 * rho * (v**2).sum(axis=-1)
    densities = np.concatenate([np.stack([rho, energy], axis=-1), rho[..., None] * v], axis=-1)
    return densities.mean(axis=tuple(range(2, w.ndim - 1)))


# ---------------------------------------------------------------- closed forms


def vortex(points, t, length=10.0):
    """An isentropic vortex (Shu 1998) carried along the diagonal of a periodic square: one sample."""
    x = length * cell_centres(points) - length / 2
    x, y = ((a - t + length / 2) % length - length / 2 for a in np.meshgrid(x, x, indexing="ij"))
    bell = 5 / (2 * np.pi) * np.exp(0.5 * (1 - x**2 - y**2))
    temperature = 1 - (GAMMA - 1) / (2 * GAMMA) * bell**2
    rho = temperature ** (1 / (GAMMA - 1))
    return np.stack([rho, rho * temperature, 1 - bell * y, 1 + bell * x], axis=-1)[None]


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


# ---------------------------------------------------------------- identities


@pytest.mark.parametrize(
    ("dimension", "points", "stress"),
    [(1, 64, as_in_benchmark), (2, 16, as_in_benchmark), (2, 16, newtonian), (3, 8, newtonian)],
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


@pytest.mark.parametrize("axis", [0, 1])
def test_a_flow_along_any_axis_is_the_flow_in_one_dimension(axis):
    w, times, used = flow(1, 32), np.array([0, 0.1]), [0, 1, 2 + axis]
    line = evolve(w, NONE, NONE, times)[0, 1]
    wide = np.zeros((1, *[32 if a == axis else 2 for a in range(2)], 4))
    np.moveaxis(wide, 1 + axis, -2)[..., used] = w[0]
    u = np.moveaxis(evolve(wide, NONE, NONE, times, length=wide.shape[1] / 32)[0, 1], axis, -2)
    np.testing.assert_allclose(u[..., used], np.stack([line] * 2), atol=1e-11)


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


# ---------------------------------------------------------------- random flows


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_random_flows_are_those_of_seed_and_sample_alone(dimension):
    few, many = random_flow(dimension, SEED, 2), random_flow(dimension, SEED, 4)
    x, mach = cell_centres(8), np.array([0.1, 1.0])
    np.testing.assert_allclose(few(x, mach), many.select(slice(0, 2))(x, mach), rtol=1e-12)
    finer = few(cell_centres(24), mach)[(slice(None), *[slice(1, None, 3)] * dimension)]
    np.testing.assert_allclose(finer, few(x, mach), rtol=1e-10, atol=1e-12)
    slow, fast = few(x, np.full(2, 0.1)), few(x, np.ones(2))
    np.testing.assert_array_equal(slow[..., :2], fast[..., :2])
    np.testing.assert_allclose(10 * slow[..., 2:], fast[..., 2:], rtol=1e-12)


def test_random_flows_have_the_described_distribution():
    flows = random_flow(2, SEED, 300)
    w = flows(cell_centres(16), np.full(300, 0.3))
    rho, p = w.mean(axis=(1, 2))[:, :2].T
    sound = np.sqrt(GAMMA * p / rho)
    mean_speed = np.sqrt((w[..., 2:] ** 2).sum(axis=-1)).mean(axis=(1, 2))
    np.testing.assert_allclose(mean_speed, 0.3 * sound, rtol=0.02)
    for values, low, high in ((rho, 1, 10), (p / rho, 1, 10)):
        assert low < values.min() < low + 0.3 and high - 0.3 < values.max() < high
    assert 0.1 < flows.mach.min() < 0.15 and 0.95 < flows.mach.max() < 1
    disturbances = np.abs(w[..., :2] / w[..., :2].mean(axis=(1, 2), keepdims=True) - 1).max(axis=(1, 2))
    assert (disturbances.max(axis=0) < [0.72, 0.42]).all() and (disturbances.max(axis=0) > [0.6, 0.34]).all()
    np.testing.assert_allclose(w[..., 2:].mean(axis=(1, 2)), 0, atol=1e-12)


# ---------------------------------------------------------------- the benchmark, and files


@pytest.mark.parametrize(
    ("name", "bound"), [("M1.0_Eta0.01_Zeta0.01", 0.04), ("M0.1_Eta1e-08_Zeta1e-08", 0.1)]
)
def test_the_benchmark_is_followed_from_its_first_frame(pdebench, name, bound):
    path = pdebench / f"2D_CFD_Rand_{name}_periodic_64_Train.hdf5"
    trajectories = open_files(path).select([1]).first_frames(3)
    published = trajectories.read().astype(np.float64)
    _, eta, zeta = trajectories.parameters.T
    u = evolve(published[:, 0], eta, zeta, trajectories.times)
    scale = np.sqrt((published**2).mean(axis=(2, 3)))
    error = np.sqrt(((u - published) ** 2).mean(axis=(2, 3))) / scale
    assert error.mean(axis=(0, 1)).max() < bound


@pytest.mark.parametrize(
    ("dimension", "name"),
    [
        (1, "1D_CFD_Rand_Eta0.01_Zeta0.02_periodic_Train.hdf5"),
        (2, "2D_CFD_Rand_M0.1_Eta0.01_Zeta0.02_periodic_16_Train.hdf5"),
        (3, "3D_CFD_Rand_M0.1_Eta0.01_Zeta0.02_periodic_Train.hdf5"),
    ],
)
def test_files_have_the_benchmark_s_names_and_open_again(tmp_path, dimension, name):
    equation = EQUATIONS[f"compressible{dimension}d"]
    values = {"M": "0.1", "eta": "0.01", "zeta": "0.02"}
    values = {parameter: values[parameter] for parameter in equation.parameter_names}
    sizes = {"resolution": 16, "frames": 3, "t_end": 0.02}
    (path,) = simulate(equation.name, tmp_path, values, 2, seed=SEED, **sizes, progress=False)
    assert path.name == name
    with h5py.File(path) as file:
        assert {"density", "pressure", "Vx"} <= set(file) and "channels" not in file.attrs
        assert file.attrs["eta"] == 0.01
    t = open_files(path)
    assert (t.equation, t.parameter_names, t.dimension) == (
        equation.name,
        equation.parameter_names,
        dimension,
    )
    assert t.channel_names == equation.channels and t.boundaries == ("periodic",) * dimension
    columns = [np.full(2, float(values[parameter])) for parameter in t.parameter_names]
    initial = random_flow(dimension, SEED, 2)
    u = equation.solve(initial, *columns, resolution=16, times=np.array([0, 0.01, 0.02]))
    np.testing.assert_array_equal(t.read(), u)
    assert jnp.ones(1).dtype == jnp.float32  # double precision has not leaked


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(initial=np.ones((1, 8, 8, 3))), "as many components"),
        (dict(eta=np.zeros(2)), r"eta and zeta \(sample,\)"),
        (dict(zeta=np.array([-1.0])), "viscosities of at least zero"),
        (dict(initial=-np.ones((1, 8, 8, 4))), "positive density"),
        (dict(initial=np.full((1, 8, 8, 4), np.nan)), "finite"),
        (dict(times=np.zeros(2)), "increase"),
        (dict(boundary="wall"), "'wall', expected one of periodic, outgoing"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, message):
    arguments = dict(initial=np.ones((1, 8, 8, 4)), eta=NONE, zeta=NONE, times=np.arange(2))
    with pytest.raises(ValueError, match=message):
        evolve(**(arguments | changes))
    with pytest.raises(ValueError, match="at least one sample"):
        random_flow(1, SEED, 0)
