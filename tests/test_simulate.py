"""Simulated data: closed forms first, then the files."""

import os
from dataclasses import dataclass, replace
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from cape.commands import data as command_line
from cape.datasets.equations import advection, burgers, reaction_diffusion
from cape.datasets.equations.equation import EQUATIONS, Equation, Parameter
from cape.datasets.opening import open_files
from cape.datasets.simulate.initial_conditions import (
    cell_averages,
    cell_centres,
    normalised_waves,
    random_waves,
)
from cape.datasets.simulate.parameters import LogUniform, Uniform, Values, parse
from cape.datasets.simulate.simulation import simulate
from cape.datasets.simulate.writer import write

SEED = 7
X = cell_centres(128)


def relative_error(u, exact):
    return np.sqrt(((u - exact) ** 2).sum() / (exact**2).sum())


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


def sine(wave_number, amplitude=1.0):
    return SimpleWaves(lambda x: amplitude * np.sin(2 * np.pi * np.array(wave_number) * x))


class SimpleWaves(SimpleNamespace):
    def __init__(self, function):
        super().__init__(function=function)

    def __call__(self, x):
        return self.function(np.atleast_2d(x))


# ---------------------------------------------------------------- initial conditions


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


# ---------------------------------------------------------------- advection


def test_advection_shifts_by_whole_cells_and_returns_after_whole_periods():
    waves, beta = random_waves(SEED, 20), np.full(20, 0.5)
    u = advection.solve(waves, beta, resolution=128, times=np.array([0, 3 / 64, 2.0, 4.0]))
    np.testing.assert_array_equal(u[:, 0], waves(X))
    np.testing.assert_allclose(u[:, 1], np.roll(u[:, 0], 3, axis=1), atol=1e-12)
    np.testing.assert_allclose(u[:, 2:], np.stack([u[:, 0]] * 2, axis=1), atol=1e-12)


def test_advection_takes_one_speed_per_sample():
    beta = np.array([0.0, -1.0, 4.0])
    u = advection.solve(smooth(3), beta, resolution=64, times=np.array([0, 1 / 64]))
    for sample, cells in enumerate((0, -1, 4)):
        np.testing.assert_allclose(u[sample, 1], np.roll(u[sample, 0], cells), atol=1e-12)


# ---------------------------------------------------------------- Burgers


@pytest.mark.parametrize("nu", [0.01, 0.1, 1.0])
def test_burgers_agrees_with_cole_hopf(nu):
    waves, times = smooth(3), np.array([0, 0.1, 0.5, 2.0])
    u = burgers.solve(waves, np.full(3, nu), resolution=128, times=times)
    exact = [
        [cole_hopf(waves.select(slice(i, i + 1)), nu / np.pi, X[::4], t) for t in times[1:]] for i in range(3)
    ]
    np.testing.assert_array_equal(u[:, 0], waves(X))
    assert relative_error(u[:, 1:, ::4], np.array(exact)) < 3e-4


def test_burgers_with_a_mean_is_carried_by_it():
    waves, nu = smooth(3), np.full(3, 0.05)
    carried = replace(waves, offsets=np.full(3, 0.5))  # by a quarter of the domain until t = 0.5
    still, moved = (burgers.solve(w, nu, resolution=128, times=np.array([0, 0.5])) for w in (waves, carried))
    assert relative_error(moved[:, 1] - 0.5, np.roll(still[:, 1], 32, axis=-1)) < 1e-3


def test_burgers_conserves_mass_and_makes_no_new_extremum():
    averages = cell_averages(random_waves(SEED, 16), 256)
    u = burgers.evolve(averages, np.geomspace(1e-3, 4, 16), np.linspace(0, 1, 5))
    np.testing.assert_allclose(u.mean(axis=2), np.stack([u[:, 0].mean(axis=1)] * 5, axis=1), atol=1e-13)
    overshoot = np.abs(u).max(axis=2) - np.abs(averages).max(axis=1)[:, None]
    assert overshoot.max() < 1e-3


def test_small_burgers_waves_decay_like_heat():
    nu, times = np.array([4.0, 0.3]), np.array([0, 0.01, 0.2])
    u = burgers.solve(sine([[2], [1]], 1e-7), nu, resolution=64, times=times)
    k = 2 * np.pi * np.array([2, 1])
    decay = np.exp(-(nu / np.pi * k**2)[:, None] * times[None, :])
    np.testing.assert_allclose(u, decay[:, :, None] * u[:, :1], atol=1e-11)


def test_burgers_commutes_with_a_change_of_frame():
    """u(x − ct, t) + c solves the equation when u does: a mean that moves everything by half the domain."""
    waves, nu, times = smooth(4), np.full(4, 0.05), np.array([0, 0.5])
    still = burgers.solve(waves, nu, resolution=64, times=times)[:, 1]
    moving = burgers.solve(SimpleWaves(lambda x: waves(x) + 1), nu, resolution=64, times=times)[:, 1]
    assert relative_error(moving - 1, np.roll(still, 32, axis=1)) < 1e-3


def test_burgers_from_values_continues_what_it_started():
    waves, nu = smooth(4), np.full(4, 0.1)
    times = np.array([0, 0.2, 0.4])
    whole = burgers.solve(waves, nu, resolution=128, times=times)
    from_values = burgers.solve_from(waves(X), nu, times)
    np.testing.assert_allclose(from_values, whole, atol=1e-6)
    rest = burgers.solve_from(whole[:, 1], nu, times[:2])
    assert relative_error(rest[:, 1], whole[:, 2]) < 1e-3


def test_burgers_samples_have_their_own_viscosity():
    waves, times = smooth(2), np.array([0, 0.3])
    together = burgers.solve(waves, np.array([0.1, 1.0]), resolution=64, times=times)
    alone = burgers.solve(waves.select(slice(1, 2)), np.array([1.0]), resolution=64, times=times)
    np.testing.assert_allclose(together[1:], alone, atol=1e-4)


def test_burgers_runs_as_coarsely_and_cheaply_as_asked():
    waves, nu, times = smooth(2), np.full(2, 0.2), np.linspace(0, 0.5, 3)
    fine = burgers.solve(waves, nu, resolution=32, times=times)
    coarse = burgers.solve(waves, nu, resolution=32, times=times, refinement=1)
    cheap = burgers.solve(waves, nu, resolution=32, times=times, refinement=1, courant=1.0, dtype=np.float32)
    assert cheap.dtype == np.float32 and coarse.dtype == np.float64
    assert 1e-4 < relative_error(coarse, fine) < 2e-2
    assert relative_error(cheap, coarse) < 2e-2
    own = burgers.evolve(cell_averages(waves, 32), nu, times)  # no finer grid inside
    assert relative_error(coarse, own) < 1e-2


def test_burgers_reproduces_the_benchmark(pdebench):
    for nu, bound in ((0.01, 2e-3), (1.0, 1e-3)):
        with h5py.File(pdebench / f"1D_Burgers_Sols_Nu{nu}.hdf5") as file:
            published = file["tensor"][:12, :21].astype(float)
        u = burgers.solve_from(published[:, 0], np.full(12, nu), np.linspace(0, 1, 21))
        assert relative_error(u, published) < bound


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: burgers.evolve(np.zeros((2, 8)), np.ones(3), np.arange(2)), "averages"),
        (lambda: burgers.evolve(np.zeros((2, 8)), np.zeros(2), np.arange(2)), "positive viscosity"),
        (lambda: burgers.evolve(np.zeros((2, 8)), np.ones(2), np.zeros(2)), "increase"),
        (lambda: burgers.solve_from(np.zeros(8), np.ones(1), np.arange(2)), "shape"),
        (lambda: burgers.solve_from(np.full((1, 8), np.nan), np.ones(1), np.arange(2)), "NaN"),
        (lambda: burgers.solve(sine(1), np.ones(1), resolution=8, times=np.arange(2), refinement=4), "odd"),
    ],
)
def test_burgers_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---------------------------------------------------------------- reaction-diffusion


def test_a_uniform_density_grows_logistically():
    rho, times = np.array([0.5, 3.0]), np.array([0, 0.1, 1.0])
    u = reaction_diffusion.evolve(np.full((2, 32), 0.2), np.ones(2), rho, times)
    growth = np.exp(rho[:, None] * times[None, :])
    exact = 0.2 * growth / (1 + 0.2 * (growth - 1))
    np.testing.assert_allclose(u, np.stack([exact] * 32, axis=2), rtol=1e-11)


def test_without_reaction_densities_obey_the_heat_equation():
    def waves(x):
        return 0.5 + 0.5 * np.sin(4 * np.pi * np.atleast_2d(x))

    times = np.array([0, 0.02, 0.1])
    u = reaction_diffusion.solve(waves, np.array([0.3]), np.zeros(1), resolution=128, times=times)
    exact = 0.5 + 0.5 * np.exp(-0.3 * (4 * np.pi) ** 2 * times)[:, None] * np.sin(4 * np.pi * X)[None, :]
    np.testing.assert_allclose(u[0], exact, atol=1e-12)


def test_reaction_diffusion_converges_at_second_order():
    u0, times = normalised_waves(SEED, 2)(cell_centres(64)), np.array([0, 0.5])
    nu, rho = np.full(2, 0.01), np.full(2, 8.0)
    solutions = [reaction_diffusion.evolve(u0, nu, rho, times, step=0.5 / n)[:, 1] for n in (20, 40, 80)]
    coarse, fine = (np.abs(a - b).max() for a, b in zip(solutions[:-1], solutions[1:], strict=True))
    assert 3.5 < coarse / fine < 4.5


def test_densities_stay_between_zero_and_one():
    u = reaction_diffusion.solve(
        normalised_waves(SEED, 30),
        np.geomspace(1e-5, 5, 30),
        np.full(30, 10.0),
        resolution=64,
        times=np.arange(2),
    )
    assert u.min() >= 0 and u.max() < 1.1


def test_a_negative_density_is_refused():
    with pytest.raises(ValueError, match="at least zero"):
        reaction_diffusion.solve(sine(1), np.ones(1), np.ones(1), resolution=16, times=np.arange(2))


# ---------------------------------------------------------------- parameter values


def test_parameter_values_are_read_from_text():
    assert parse("0.01, 0.1") == Values((0.01, 0.1))
    assert parse("loguniform:1e-3:1") == LogUniform(1e-3, 1.0)
    assert parse("uniform:0.1:4") == Uniform(0.1, 4.0)


@pytest.mark.parametrize(
    "text", ["", "a", "1,,2", "1,1", "nan", "inf", "normal:0:1", "uniform:1", "uniform:2:1", "loguniform:0:1"]
)
def test_unreadable_parameter_values_are_refused(text):
    with pytest.raises(ValueError, match="cannot read the parameter values"):
        parse(text)


def test_log_uniform_values_spread_evenly_over_the_decades():
    values = LogUniform(1e-3, 1.0).draw(SEED, "Nu", 3000)
    counts, _ = np.histogram(np.log10(values), bins=[-3, -2, -1, 0])
    assert counts.sum() == 3000 and counts.min() > 900
    np.testing.assert_array_equal(values[:5], LogUniform(1e-3, 1.0).draw(SEED, "Nu", 5))
    assert not np.allclose(values[:5], LogUniform(1e-3, 1.0).draw(SEED, "rho", 5))


# ---------------------------------------------------------------- files


def quick(folder, **changes):
    settings = dict(parameters={"beta": "0.4,1"}, samples=5, seed=3, resolution=32, frames=5, t_end=1.0)
    return simulate("advection", folder, **(settings | changes), progress=False)


def test_one_file_for_each_value_with_the_same_initial_conditions(tmp_path):
    paths = quick(tmp_path)
    assert [path.name for path in paths] == [
        "1D_Advection_Sols_beta0.4.hdf5",
        "1D_Advection_Sols_beta1.0.hdf5",
    ]
    assert sorted(os.listdir(tmp_path)) == sorted(path.name for path in paths)
    with h5py.File(paths[0]) as first, h5py.File(paths[1]) as second:
        assert first["tensor"].shape == (5, 5, 32) and first["tensor"].dtype == np.float32
        assert (first.attrs["beta"], second.attrs["beta"]) == (0.4, 1.0)
        assert first.attrs["equation"] == "advection" and first.attrs["seed"] == 3
        assert first.attrs["resolution"] == 32 and "cape-jax" in first.attrs["generator"]
        np.testing.assert_allclose(first["x-coordinate"][:], cell_centres(32), rtol=1e-6)
        np.testing.assert_allclose(first["t-coordinate"][:], np.arange(6) * 0.25, rtol=1e-6)
        np.testing.assert_array_equal(first["tensor"][:, 0], second["tensor"][:, 0])
        np.testing.assert_array_equal(first["initial-condition"][:], 3_000_000 + np.arange(5))
        np.testing.assert_allclose(second["tensor"][:, 4], second["tensor"][:, 0], atol=1e-6)


def test_initial_conditions_are_those_of_the_seed_alone(tmp_path):
    coarse, fine, other = (
        quick(tmp_path / str(i), parameters={"beta": Values((1.0,))}, **changes)[0]
        for i, changes in enumerate((dict(), dict(resolution=96, samples=9, frames=2), dict(seed=4)))
    )
    with h5py.File(coarse) as a, h5py.File(fine) as b, h5py.File(other) as c:
        np.testing.assert_array_equal(a["tensor"][:, 0], b["tensor"][:5, 0, 1::3])
        np.testing.assert_array_equal(a["initial-condition"][:], b["initial-condition"][:5])
        assert not np.intersect1d(a["initial-condition"], c["initial-condition"]).size
        assert not np.allclose(a["tensor"][:, 0], c["tensor"][:, 0])


@pytest.mark.parametrize("own", [5, 3])
def test_files_may_have_initial_conditions_of_their_own_beside_common_ones(tmp_path, own):
    common, values = 5 - own, {"beta": "0.4,1,2"}
    paths = quick(tmp_path / "own", parameters=values, own=own)
    more = quick(tmp_path / "more", parameters=values, samples=7, own=own + 2)
    (every,) = quick(tmp_path / "all", parameters={"beta": "1"}, samples=common + 3 * own)
    with h5py.File(every) as file:
        expected, numbers = file["tensor"][:, 0], file["initial-condition"][:]
    for number, (path, longer) in enumerate(zip(paths, more, strict=True)):
        chosen = [*range(common), *range(common + number, common + 3 * own, 3)]
        with h5py.File(path) as file, h5py.File(longer) as other:
            np.testing.assert_array_equal(file["initial-condition"][:], numbers[chosen])
            np.testing.assert_array_equal(file["tensor"][:, 0], expected[chosen])
            np.testing.assert_array_equal(other["tensor"][:5], file["tensor"][:])


def test_own_initial_conditions_have_values_of_their_own(tmp_path):
    values = {"Nu": "0.5,1", "rho": "uniform:1:2"}
    paths = simulate(TIED, tmp_path, values, samples=2, own=2, progress=False)
    drawn = open_files(paths).parameters[:, 1]
    np.testing.assert_array_equal(drawn.reshape(2, 2).T.ravel(), Uniform(1, 2).draw(0, "rho", 4))


def test_more_own_initial_conditions_than_samples_are_refused(tmp_path):
    with pytest.raises(
        ValueError, match="expected own, of the 5 samples of each file, between 0 and 5, got 6"
    ):
        quick(tmp_path, own=6)


def test_a_range_goes_into_one_file_with_a_value_per_sample(tmp_path):
    (path,) = simulate(
        "burgers",
        tmp_path,
        {"Nu": "loguniform:0.1:1"},
        samples=3,
        resolution=32,
        frames=3,
        t_end=0.1,
        progress=False,
    )
    assert path.name == "1D_Burgers_Sols_Nu0.1-1.0.hdf5"
    with h5py.File(path) as file:
        assert "Nu" not in file.attrs and file["Nu"].dtype == np.float64
        values = file["Nu"][:]
        assert len(set(values)) == 3 and (values >= 0.1).all() and (values < 1).all()
        waves = random_waves(0, 3)
        u = burgers.solve(waves, values, resolution=32, times=np.linspace(0, 0.1, 3))
        np.testing.assert_array_equal(file["tensor"][:], u.astype(np.float32))


def test_our_reader_opens_what_was_simulated(tmp_path):
    paths = quick(tmp_path)
    trajectories = open_files(paths)
    assert trajectories.equation == "advection" and trajectories.boundaries == ("periodic",)
    assert trajectories.parameter_names == ("beta",) and trajectories.times.shape == (5,)
    np.testing.assert_array_equal(trajectories.parameters, [[0.4]] * 5 + [[1.0]] * 5)
    np.testing.assert_array_equal(trajectories.initial_conditions, np.tile(3_000_000 + np.arange(5), 2))
    with h5py.File(paths[1]) as file:
        np.testing.assert_array_equal(trajectories.read()[5:, ..., 0], file["tensor"][:])


def test_our_reader_opens_a_range_of_two_parameters(tmp_path):
    values = {"Nu": "loguniform:0.5:5", "rho": "1"}
    paths = simulate(
        "reaction-diffusion", tmp_path, values, 3, resolution=16, frames=3, t_end=0.01, progress=False
    )
    trajectories = open_files(paths)
    assert trajectories.parameter_names == ("Nu", "rho") and trajectories.equation == "reaction-diffusion"
    expected = np.stack([LogUniform(0.5, 5).draw(0, "Nu", 3), np.ones(3)], axis=1)
    np.testing.assert_array_equal(trajectories.parameters, expected)


def test_two_parameters_make_a_file_for_every_combination(tmp_path):
    paths = simulate(
        "reaction-diffusion",
        tmp_path,
        {"Nu": "0.5,1", "rho": Uniform(1, 2)},
        samples=2,
        resolution=16,
        frames=2,
        t_end=0.01,
        progress=False,
    )
    assert [path.name for path in paths] == [f"ReacDiff_Nu{nu}_Rho1.0-2.0_uniform.hdf5" for nu in (0.5, 1.0)]
    with h5py.File(paths[0]) as file, h5py.File(paths[1]) as second:
        assert file.attrs["Nu"] == 0.5 and file["rho"].shape == (2,)
        np.testing.assert_array_equal(file["rho"][:], second["rho"][:])


TIED = replace(EQUATIONS["reaction-diffusion"], resolution=16, frames=2, t_end=0.01)


def test_a_tied_parameter_takes_the_value_of_another_in_every_file(tmp_path):
    paths = simulate(TIED, tmp_path, {"rho": "0.5,1", "Nu": " rho"}, samples=2, progress=False)
    assert [path.name for path in paths] == [f"ReacDiff_Nu{v}_Rho{v}.hdf5" for v in (0.5, 1.0)]
    trajectories = open_files(paths)
    assert trajectories.parameter_names == ("Nu", "rho")
    np.testing.assert_array_equal(trajectories.parameters, [[0.5] * 2] * 2 + [[1.0] * 2] * 2)
    (alone, _) = simulate(TIED, tmp_path / "alone", {"Nu": "0.5", "rho": "0.5,1"}, 2, progress=False)
    np.testing.assert_array_equal(open_files(alone).read(), trajectories.read()[:2])


def test_a_parameter_tied_to_a_range_takes_the_same_draw(tmp_path):
    values = {"Nu": LogUniform(0.1, 1.0), "rho": "Nu"}
    (path,) = simulate(TIED, tmp_path, values, samples=3, progress=False)
    assert path.name == "ReacDiff_Nu0.1-1.0_Rho0.1-1.0.hdf5"
    drawn = LogUniform(0.1, 1.0).draw(0, "Nu", 3)
    np.testing.assert_array_equal(open_files(path).parameters, np.stack([drawn, drawn], axis=1))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"Nu": "1", "rho": "rho"}, "cannot tie rho to rho, which is tied to rho"),
        ({"Nu": "rho", "rho": "Nu"}, "cannot tie Nu to rho, which is tied to Nu; expected a parameter with"),
        ({"Nu": "1", "rho": "nu"}, r"rho: .*'nu' is not a number; or tie it to another parameter \(Nu\)"),
        ({"rho": "Nu"}, "missing: Nu"),
        ({"Nu": "rho", "rho": "0"}, "needs Nu > 0, got 0"),
    ],
)
def test_ties_that_give_no_value_are_refused(tmp_path, values, message):
    with pytest.raises(ValueError, match=message):
        simulate(TIED, tmp_path / "data", values, samples=1, progress=False)
    assert not (tmp_path / "data").exists()


def test_files_are_not_overwritten_unless_asked(tmp_path):
    (path, _) = quick(tmp_path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"beta0\.4.*overwrite"):
        quick(tmp_path, seed=5)
    assert path.read_bytes() == before
    quick(tmp_path, seed=5, overwrite=True)
    assert path.read_bytes() != before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(parameters={}), "missing: beta"),
        (dict(parameters={"beta": "1", "Nu": "1"}), "unknown: Nu"),
        (dict(samples=0), "samples"),
        (dict(resolution=8), "resolution"),
        (dict(frames=1), "frames"),
        (dict(t_end=-1.0), "t_end"),
        (dict(seed=-1), "seed"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_written(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        quick(tmp_path / "data", **changes)
    assert not (tmp_path / "data").exists()


def test_unknown_equations_and_viscosities_out_of_range_are_refused(tmp_path):
    with pytest.raises(ValueError, match="did you mean 'burgers'"):
        simulate("burger", tmp_path, {"Nu": "0.1"}, samples=1)
    with pytest.raises(ValueError, match="expected one of advection, burgers"):
        simulate("xyz", tmp_path, {"Nu": "0.1"}, samples=1)
    for values in ("0,0.1", "uniform:-1:1"):
        with pytest.raises(ValueError, match="burgers needs Nu > 0"):
            simulate("burgers", tmp_path, {"Nu": values}, samples=1)
    with pytest.raises(ValueError, match="needs rho >= 0"):
        simulate("reaction-diffusion", tmp_path, {"Nu": "1", "rho": "-1"}, samples=1)


def test_a_failing_solver_leaves_nothing_behind(tmp_path):
    def solve(initial, beta, *, resolution, times):
        return np.full((len(beta), len(times), resolution, 1), np.nan)

    broken = Equation("broken", EQUATIONS["advection"].parameters, solve, "Broken")
    with pytest.raises(ValueError, match="not finite"):
        simulate(broken, tmp_path, {"beta": "1"}, samples=2, progress=False)
    assert os.listdir(tmp_path) == []


def layout(samples):
    return dict(
        parameters=np.ones((samples, 1)),
        parameter_names=("Nu",),
        coordinates=(cell_centres(8),),
        times=np.arange(2),
        initial_conditions=np.arange(samples),
        attributes={"equation": "burgers"},
    )


def test_arrays_are_written_whole_or_refused(tmp_path):
    u = np.arange(48.0).reshape(3, 2, 8, 1)
    with h5py.File(write(tmp_path / "a.hdf5", u, **layout(3))) as file:
        np.testing.assert_array_equal(file["tensor"][:], u[..., 0])
        assert file.attrs["Nu"] == 1
    with pytest.raises(ValueError, match=r"b\.hdf5: expected u"):
        write(tmp_path / "b.hdf5", u[:2], **layout(3))
    with pytest.raises(ValueError, match=r"b\.hdf5: expected parameters"):
        write(tmp_path / "b.hdf5", u, **(layout(3) | dict(parameters=np.ones((2, 1)))))
    assert os.listdir(tmp_path) == ["a.hdf5"]


def test_several_channels_in_two_dimensions_are_read_back(tmp_path):
    u = np.random.default_rng(0).normal(size=(2, 3, 4, 6, 4)).astype(np.float32)
    path = tmp_path / "2D_CFD_Rand_periodic.hdf5"
    names = ("density", "pressure", "Vx", "Vy")
    shape = dict(coordinates=(cell_centres(4), cell_centres(6)), times=np.arange(3), channel_names=names)
    flow = dict(parameters=np.array([[1.0, 0.1, 0.1], [1.0, 0.2, 0.1]]), parameter_names=("M", "eta", "zeta"))
    write(path, u, **shape, **flow, initial_conditions=np.arange(2), attributes={"boundary": "periodic"})
    read = open_files(path)
    np.testing.assert_array_equal(read.read(), u)
    assert read.channel_names == names
    np.testing.assert_array_equal(read.parameters, flow["parameters"])


# ---------------------------------------------------------------- several dimensions and channels


def rotate(initial, omega, *, resolution, times):
    """Two channels that turn into each other: A + iB = (A₀ + iB₀) exp(iωt), on the square [-1, 1)²."""
    x = -1.0 + 2.0 * cell_centres(resolution)
    start = initial(x[:, None] + 0.0 * x[None, :]) + 1j
    phases = np.exp(1j * np.multiply.outer(omega, times))
    u = phases[:, :, None, None] * start[:, None]
    return np.stack([u.real, u.imag], axis=-1)


@dataclass(frozen=True)
class Offsets:
    values: np.ndarray

    def __call__(self, x):
        return x + self.values[:, None, None]

    def select(self, samples):
        return Offsets(self.values[samples])


ROTATION = Equation(
    "rotation",
    (Parameter("omega", "Omega"), Parameter("a", "A")),
    lambda initial, omega, a, **sizes: rotate(initial, omega, **sizes),
    "2D_Rotation",
    lambda seed, samples: Offsets(seed + np.arange(float(samples))),
    dimension=2,
    channels=("A", "B"),
    length=2.0,
    origin=-1.0,
    boundary="wall",
    resolution=16,
    frames=3,
    t_end=0.5,
    file_suffix="_{resolution}",
)


def test_an_equation_of_two_dimensions_and_channels_opens_again_as_it_was(tmp_path):
    (path,) = simulate(ROTATION, tmp_path, {"omega": "1", "a": "uniform:0:1"}, 3, progress=False)
    assert path.name == "2D_Rotation_Omega1.0_A0.0-1.0_uniform_16.hdf5"
    trajectories = open_files(path)
    assert (trajectories.equation, trajectories.boundaries) == ("rotation", ("wall", "wall"))
    assert trajectories.channel_names == ("A", "B") and trajectories.parameter_names == ("omega", "a")
    assert trajectories.lengths == pytest.approx((2.0, 2.0)) and trajectories.coordinates[1][0] == -1 + 1 / 16
    np.testing.assert_array_equal(trajectories.parameters[:, 0], 1.0)
    np.testing.assert_allclose(trajectories.times, [0, 0.25, 0.5])
    u = rotate(Offsets(np.arange(3.0)), np.ones(3), resolution=16, times=np.array([0, 0.25, 0.5]))
    np.testing.assert_array_equal(trajectories.read(), u.astype(np.float32))


def test_batches_are_bounded_in_memory_whatever_the_dimension(tmp_path):
    seen = []

    def solve(initial, omega, a, *, resolution, times):
        seen.append(len(omega))
        return np.zeros((len(omega), len(times), *[resolution] * 3, 2), np.float32)

    cube = replace(ROTATION, dimension=3, solve=solve, file_suffix="", frames=20)
    simulate(cube, tmp_path, {"omega": "1", "a": "2"}, 3, resolution=64, progress=False)
    simulate(cube, tmp_path, {"omega": "1", "a": "3"}, 100, frames=2, progress=False)
    assert seen == [1, 1, 1, 50, 50]


def test_a_solution_of_the_wrong_shape_is_refused(tmp_path):
    flat = replace(ROTATION, solve=lambda *_, resolution, times: np.zeros((1, len(times), resolution, 2)))
    with pytest.raises(ValueError, match=r"rotation: expected the solution .*\(1, 3, 16, 16, 2\), got"):
        simulate(flat, tmp_path, {"omega": "1", "a": "1"}, 1, progress=False)


def test_the_first_frame_alone_is_the_initial_condition():
    for equation in EQUATIONS.values():
        initial, sizes = equation.initial_conditions(SEED, 2), {"resolution": 16}
        p = [np.full(2, 0.5)] * len(equation.parameters)
        first = equation.solve(initial, *p, **sizes, times=np.zeros(1))
        assert first.shape == (2, 1, *[16] * equation.dimension, len(equation.channels))
        both = equation.solve(initial, *p, **sizes, times=np.array([0.0, 1e-3]))
        np.testing.assert_array_equal(first, both[:, :1])


def test_the_command_line_lists_every_equation():
    for name in EQUATIONS:
        assert name in command_line.simulate.__doc__


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.attrs.update(channels=["A", "C"]), "no dataset 'C'"),
        (lambda f: f.attrs.__delitem__("parameters"), "'parameters' is missing"),
        (lambda f: f.attrs.update(parameters=["omega", "b"]), "no parameter 'b'"),
        (lambda f: (f.__delitem__("B"), f.create_dataset("B", (3, 2, 16, 16), "f4")), "'B' has axes"),
        (lambda f: f.attrs.update(boundary="none"), "'boundary' is 'none'"),
    ],
)
def test_named_channels_that_do_not_fit_are_refused(tmp_path, change, message):
    (path,) = simulate(ROTATION, tmp_path, {"omega": "1", "a": "2"}, 3, progress=False)
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(ValueError, match=message):
        open_files(path)


def test_a_name_is_not_given_to_a_channel_and_a_parameter(tmp_path):
    with pytest.raises(ValueError, match="Nu cannot name both"):
        write(tmp_path / "a.hdf5", np.zeros((3, 2, 8, 2)), **layout(3), channel_names=("Nu", "v"))
