"""Simulated files: their names, contents and initial conditions, and every mistake."""

import os

import h5py
import numpy as np
import pytest

from cape.datasets.equations import burgers
from cape.datasets.equations.equation import EQUATIONS, Equation
from cape.datasets.opening import open_files
from cape.datasets.simulate.cells import cell_centres
from cape.datasets.simulate.parameters import LogUniform, Uniform, Values
from cape.datasets.simulate.simulation import simulate
from cape.datasets.simulate.waves import random_waves


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
        u = burgers.solve(waves, values, resolution=32, times=np.linspace(0, 0.1, 3))[..., 0]
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
    with pytest.raises(ValueError, match="unknown equation 'xyz'; known are .*advection"):
        simulate("xyz", tmp_path, {"Nu": "0.1"}, samples=1)
    for values in ("0,0.1", "uniform:-1:1"):
        with pytest.raises(ValueError, match="burgers needs Nu > 0"):
            simulate("burgers", tmp_path, {"Nu": values}, samples=1)
    with pytest.raises(ValueError, match="needs rho >= 0"):
        simulate("reaction-diffusion", tmp_path, {"Nu": "1", "rho": "-1"}, samples=1)


def test_a_failing_solver_leaves_nothing_behind(tmp_path):
    def solve(initial, beta, *, resolution, times):
        return np.full((len(beta), len(times), resolution, 1), np.nan)

    broken = Equation("broken", EQUATIONS.find("advection").parameters, solve, "Broken")
    with pytest.raises(ValueError, match="not finite"):
        simulate(broken, tmp_path, {"beta": "1"}, samples=2, progress=False)
    assert os.listdir(tmp_path) == []
