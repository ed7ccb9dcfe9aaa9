"""Spectral simulators in two dimensions: closed forms and orders of convergence first, then the files."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from cape.datasets.equations import fitzhugh_nagumo, gray_scott, incompressible
from cape.datasets.equations.equation import EQUATIONS
from cape.datasets.opening import open_files
from cape.datasets.simulate import etd
from cape.datasets.simulate.initial_conditions import cell_centres
from cape.datasets.simulate.initial_fields import random_patches, random_spots, random_vorticity
from cape.datasets.simulate.simulation import simulate

SEED = 7
ONE = np.ones(1)


def error(u, exact):
    return np.sqrt(((u - exact) ** 2).sum() / (exact**2).sum())


def grid(n, length=1.0):
    return np.meshgrid(length * cell_centres(n), length * cell_centres(n), indexing="ij")


def homogeneous(values, n=8):
    return np.broadcast_to(np.array(values)[:, None, None, :], (len(values), n, n, 2))


# ---------------------------------------------------------------- exponential time differencing


def test_phi_functions_are_their_integrals():
    """φₙ(z) = ∫₀¹ exp((1 − s) z) sⁿ⁻¹/(n − 1)! ds, by Gauss-Legendre quadrature."""
    z = np.array([-40.0, -3, -1.0001, -1, -0.999, -1e-3, -1e-9, 0, 1e-6, 0.7, 1, 2])
    nodes, weights = np.polynomial.legendre.leggauss(60)
    s, weights = 0.5 + 0.5 * nodes, 0.5 * weights
    with jax.enable_x64(True):
        for n, phi in enumerate(etd.phi(jnp.asarray(z)), 1):
            integral = np.exp(np.outer(z, 1 - s)) * s ** (n - 1) / max(n - 1, 1)
            np.testing.assert_allclose(phi, integral @ weights, rtol=2e-13)


def test_steps_converge_at_fourth_order():
    """Logistic growth u' = u − u², of which u is the linear part."""

    def final(steps):
        u = etd.advance(
            jnp.full(1, 0.1), jnp.ones(1), lambda u: -(u**2), jnp.asarray(4.0), jnp.asarray(steps)
        )
        return float(u[0])

    with jax.enable_x64(True):
        exact = 0.1 * np.exp(4) / (1 + 0.1 * (np.exp(4) - 1))
        errors = [abs(final(steps) - exact) for steps in (40, 80, 160)]
    assert 13 < errors[0] / errors[1] < 19 and 13 < errors[1] / errors[2] < 19


def test_a_linear_equation_with_a_constant_source_is_solved_exactly():
    with jax.enable_x64(True):
        rates = jnp.asarray([-1e4, -3.0, 0.0, 0.5])
        u = etd.advance(jnp.ones(4), rates, lambda u: 2 * jnp.ones_like(u), jnp.asarray(1.5), jnp.asarray(3))
        z = np.asarray(rates)
    exact = np.where(z == 0, 4.0, np.exp(1.5 * z) + 2 * np.expm1(1.5 * z) / np.where(z == 0, 1, z))
    np.testing.assert_allclose(u, exact, rtol=1e-13)


# ---------------------------------------------------------------- initial conditions


@pytest.mark.parametrize("draw", [random_spots, random_patches, random_vorticity])
def test_initial_fields_depend_on_seed_and_sample_alone(draw):
    coarse, fine = cell_centres(16), cell_centres(48)
    few, many = draw(SEED, 2), draw(SEED, 5)
    np.testing.assert_array_equal(few(coarse, coarse), many.select(slice(0, 2))(coarse, coarse))
    np.testing.assert_allclose(many(fine, fine)[:, 1::3, 1::3], many(coarse, coarse), atol=1e-12)
    assert not np.allclose(few(coarse, coarse), draw(SEED + 1, 2)(coarse, coarse))
    with pytest.raises(ValueError, match="at least one sample"):
        draw(SEED, 0)


def test_random_vorticity_has_its_covariance():
    fields = random_vorticity(SEED, 400)(cell_centres(40), cell_centres(40))[..., 0]
    np.testing.assert_allclose(fields.mean(axis=(1, 2)), 0, atol=1e-14)
    power = (np.abs(np.fft.fft2(fields) / 1600) ** 2).mean(axis=0)
    for k in ((1, 0), (0, 1), (-1, 1), (2, 3)):
        expected = 7.0**3 * (4 * np.pi**2 * (k[0] ** 2 + k[1] ** 2) + 49) ** -2.5
        assert power[k] == pytest.approx(expected, rel=0.2)
    eddies = random_vorticity(SEED, 400, alpha=4.0, tau=20.0, size=5.0)(cell_centres(40), cell_centres(40))
    assert eddies.std() == pytest.approx(5, rel=0.02)


def test_spots_are_periodic_and_make_up_one():
    spots, x = random_spots(SEED, 4), np.linspace(-1, 1, 30)
    u = spots(x, x)
    np.testing.assert_allclose(u.sum(axis=-1), 1)
    np.testing.assert_allclose(u, spots(x + 2, x - 2), atol=1e-12)
    assert u.min() >= 0 and 0.3 < u[..., 1].max() < 1


def test_patches_cover_the_same_area_on_every_grid():
    patches = random_patches(SEED, 3)
    areas = []
    for n in (20, 31):
        x = 2 * cell_centres(n) - 1
        areas.append(patches(x, x, width=2 / n)[..., 0].mean(axis=(1, 2)))
        points = patches(x, x)
        assert set(np.unique(points[..., 0])) == {0.0, 0.95} and set(np.unique(points[..., 1])) == {0.05, 1.0}
    np.testing.assert_allclose(*areas, atol=5e-3)  # patches that share a cell count twice there
    assert (areas[0] > 0.95 * (1 - 6 * 0.01) - 5e-3).all() and (areas[0] < 0.95 * 0.99).all()


# ---------------------------------------------------------------- Gray-Scott


def test_gray_scott_rests_where_nothing_reacts_and_where_all_balances():
    feed, kill = 0.06, 0.03
    a = (1 - np.sqrt(1 - 4 * (feed + kill) ** 2 / feed)) / 2  # a root of F (1 − A) A = (F + k)²
    rest = homogeneous([[1.0, 0.0], [a, (feed + kill) / a]])
    u = gray_scott.evolve(rest, np.full(2, feed), np.full(2, kill), np.array([0, 40.0, 80.0]))
    np.testing.assert_allclose(u, np.stack([rest] * 3, axis=1), atol=1e-9)


def test_without_diffusion_gray_scott_is_its_reaction():
    feed, kill, start, times = 0.03, 0.055, [0.7, 0.4], np.array([0, 20.0, 100.0])

    def reaction(_, u):
        a, b = u
        return [-a * b * b + feed * (1 - a), a * b * b - (feed + kill) * b]

    u = gray_scott.evolve(homogeneous([start]), feed * ONE, kill * ONE, times, step=0.25)
    exact = solve_ivp(reaction, (0, 100), start, t_eval=times, rtol=1e-11, atol=1e-12).y.T
    np.testing.assert_allclose(u, np.broadcast_to(exact[None, :, None, None], u.shape), rtol=1e-6)


def test_without_reaction_waves_of_a_decay_by_diffusion_and_feed():
    x, y = grid(32, 2.0)
    wave = np.cos(np.pi * (3 * x + 2 * y))
    u0, feed, times = np.stack([1 + 0.3 * wave, 0 * wave], axis=-1)[None], 0.02, np.array([0, 30.0, 100.0])
    u = gray_scott.evolve(u0, feed * ONE, 0.05 * ONE, times)
    decay = np.exp(-(2e-5 * 13 * np.pi**2 + feed) * times)
    np.testing.assert_allclose(u[0, ..., 0] - 1, 0.3 * decay[:, None, None] * wave, atol=1e-13)
    np.testing.assert_array_equal(u[..., 1], 0)


def test_closed_gray_scott_conserves_its_matter():
    spots, x = random_spots(SEED, 2, length=0.5), 0.5 * cell_centres(32)
    nothing = np.zeros(2)
    u = gray_scott.evolve(spots(x, x), nothing, nothing, np.array([0, 10.0, 50.0]), length=0.5)
    matter = u.sum(axis=-1).mean(axis=(2, 3))
    np.testing.assert_allclose(matter, np.stack([matter[:, 0]] * 3, axis=1), rtol=1e-12)
    assert error(u[:, 2], u[:, 0]) > 0.1


def test_gray_scott_converges_at_fourth_order_in_time_and_spectrally_in_space():
    def final(n, step):
        x, y = (np.cos(2 * np.pi * (a - 0.5 / n)) for a in grid(n))
        b = 0.8 * np.exp(2 * (x + y - 2)) + 0.3 * np.exp(3 * (-x + y - 2))
        u0 = np.stack([1 - b, b], axis=-1)[None]
        times = np.array([0.0, 48.0])
        return gray_scott.evolve(u0, 0.03 * ONE, 0.057 * ONE, times, length=0.25, step=step)[:, 1]

    fine = final(16, 0.375)
    coarse, medium = (error(final(16, step), fine) for step in (3.0, 1.5))
    assert 11 < coarse / medium < 25 and medium < 2e-3
    fine = final(64, 3.0)
    errors = [error(final(n, 3.0), fine[:, :: 64 // n, :: 64 // n]) for n in (8, 16, 32)]
    assert errors[1] < 0.1 * errors[0] and errors[2] < 0.01 * errors[1]


def test_gray_scott_makes_different_patterns_of_one_start():
    feed, kill = np.array([0.03, 0.03, 0.058]), np.array([0.057, 0.07, 0.051])
    start = random_spots(SEED, 1, length=0.5)
    u = np.concatenate(
        [
            gray_scott.solve(start, f, k, resolution=32, times=np.array([0, 200.0]), length=0.5)
            for f, k in zip(feed[:, None], kill[:, None], strict=True)
        ]
    )
    np.testing.assert_array_equal(u[:, 0], np.stack([u[0, 0]] * 3))
    maze, nothing, filled = u[:, 1, ..., 1]
    assert maze.max() > 0.25 and (maze < 0.05).mean() > 0.2  # stripes and gaps
    assert nothing.max() < 1e-3 and filled.mean() > 1.5 * maze.mean()


# ---------------------------------------------------------------- FitzHugh-Nagumo


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
    coarse, medium = (error(final(12, step), fine) for step in (0.4, 0.2))
    assert 11 < coarse / medium < 24 and medium < 1e-3
    fine = final(60, 0.4)
    errors = [error(final(n, 0.4), fine[:, 30 // n :: 60 // n, 30 // n :: 60 // n]) for n in (4, 12, 20)]
    assert errors[1] < 0.1 * errors[0] and errors[2] < 0.01 * errors[1]


def test_fitzhugh_nagumo_commutes_with_mirrors_and_is_resolved():
    patches, times = random_patches(SEED, 1), np.array([0, 2.0])
    parameters = 3e-3 * ONE, 6e-3 * ONE, 0.01 * ONE
    u = fitzhugh_nagumo.solve(patches, *parameters, resolution=20, times=times, points=60)
    x = 2 * cell_centres(60) - 1
    mirrored = patches(x, x, width=2 / 60)[:, ::-1].transpose(0, 2, 1, 3)
    image = fitzhugh_nagumo.evolve(mirrored, *parameters, times)[:, 1, 1::3, 1::3]
    np.testing.assert_allclose(image, u[:, 1, ::-1].transpose(0, 2, 1, 3), atol=1e-12)
    finer = fitzhugh_nagumo.solve(patches, *parameters, resolution=20, times=times, points=100)
    assert error(u[:, 1], finer[:, 1]) < 0.01


# ---------------------------------------------------------------- Navier-Stokes


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

    w = incompressible.solve(Rest(), nu, amplitude, resolution=16, times=times, points=16)[..., 0]
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
    assert error(w[:, 4], w[:, 0]) > 0.1
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

    def final(n, reach):
        x = (np.arange(n) + 0.0) / n
        w0 = 4 * (np.sin(2 * np.pi * x)[:, None] * np.cos(4 * np.pi * x) + np.cos(2 * np.pi * x)[:, None])
        w0 = (w0 - w0.mean())[None]
        return incompressible.evolve(w0, nu, 0 * w0, times, reach=reach)[:, 1]

    fine = final(24, 0.25)
    coarse, medium = (error(final(24, reach), fine) for reach in (2.0, 1.0))
    assert 10 < coarse / medium < 26 and medium < 1e-3
    fine = final(72, 1.0)
    errors = [error(final(n, n / 72), fine[:, :: 72 // n, :: 72 // n]) for n in (12, 24, 36)]
    assert errors[1] < 0.1 * errors[0] and errors[2] < 0.01 * errors[1]


def test_samples_and_small_viscosities_get_the_points_they_need():
    assert incompressible.points_for(np.array([1.0, 1e-2])) == 64
    assert incompressible.points_for(np.array([1e-3, 1e-4])) == 80
    assert incompressible.points_for(np.array([4e-4]), vorticity=4.0) == 80
    assert incompressible.points_for(np.array([1e-9])) == 256


# ---------------------------------------------------------------- limits and files

PATTERN = np.full((1, 4, 4, 2), 0.5)
FIELD = np.zeros((1, 8, 8))
TIMES = np.array([0.0, 1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gray_scott.evolve(PATTERN, -ONE, ONE, TIMES), "F >= 0 and k >= 0"),
        (lambda: gray_scott.evolve(PATTERN[..., :1], ONE, ONE, TIMES), r"expected u0 \(sample, x, y, 2\)"),
        (lambda: gray_scott.evolve(PATTERN, ONE, ONE, TIMES[::-1]), "increase"),
        (lambda: gray_scott.evolve(PATTERN, ONE, ONE, TIMES[:0]), "increase"),
        (lambda: gray_scott.evolve(PATTERN, ONE, ONE, TIMES, step=0.0), "positive time step"),
        (lambda: fitzhugh_nagumo.evolve(PATTERN, ONE, 0 * ONE, ONE, TIMES), "Du > 0 and Dv > 0"),
        (lambda: fitzhugh_nagumo.evolve(PATTERN, ONE, np.ones(2), ONE, TIMES), r"k \(sample,\), got"),
        (lambda: incompressible.evolve(FIELD, 0 * ONE, FIELD, TIMES), "positive viscosity"),
        (lambda: incompressible.evolve(FIELD, ONE, FIELD[:, 1:], TIMES), "forcing as w0"),
        (lambda: incompressible.evolve(FIELD + 1, ONE, FIELD, TIMES), "vorticity w0 of mean zero"),
        (lambda: incompressible.evolve(FIELD, ONE, FIELD + 1, TIMES), "forcing of mean zero"),
    ],
)
def test_what_cannot_be_solved_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


FILES = {
    "gray-scott": ({"F": "0.03,0.04", "k": "0.06"}, "2D_GrayScott_F0.03_k0.06.hdf5", (-1, 2, "periodic")),
    "gray-scott-small": (
        {"F": "0.03,0.04", "k": "0.06"},
        "2D_GrayScottSmall_F0.03_k0.06.hdf5",
        (-0.5, 1, "periodic"),
    ),
    "fitzhugh-nagumo": (
        {"Du": "0.001,0.002", "Dv": "uniform:0.005:0.01", "k": "0.005"},
        "2D_FitzHughNagumo_Du0.001_Dv0.005-0.01_uniform_k0.005.hdf5",
        (-1, 2, "wall"),
    ),
    "navier-stokes": (
        {"nu": "0.01,0.1", "forcing": "0.1"},
        "2D_NavierStokes_nu0.01_forcing0.1.hdf5",
        (0, 1, "periodic"),
    ),
    "navier-stokes-eddies": (
        {"nu": "loguniform:0.01:0.1", "forcing": "0,1"},
        "2D_NavierStokesEddies_nu0.01-0.1_forcing0.0.hdf5",
        (0, 1, "periodic"),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_simulated_is_read_back(name, tmp_path):
    equation, (parameters, file_name, (origin, length, boundary)) = EQUATIONS[name], FILES[name]
    paths = simulate(name, tmp_path, parameters, 2, SEED, resolution=16, frames=2, t_end=0.1, progress=False)
    assert paths[0].name == file_name and len(paths) == 2
    read = open_files(paths)
    assert read.equation == name and read.boundaries == (boundary,) * 2
    assert read.channel_names == equation.channels and read.parameter_names == tuple(parameters)
    assert read.lengths == pytest.approx((length, length))
    np.testing.assert_allclose(read.coordinates[1], origin + length * cell_centres(16), rtol=1e-6, atol=1e-8)
    u, x = read.read(), equation.coordinates(16)[0]
    start = equation.initial_conditions(SEED, 2)(x, x)
    np.testing.assert_allclose(u[:, 0], np.concatenate([start, start]), rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(read.initial_conditions, np.tile(SEED * 1_000_000 + np.arange(2), 2))
    assert (u[:2, 1] != u[2:, 1]).any()  # the parameter matters
