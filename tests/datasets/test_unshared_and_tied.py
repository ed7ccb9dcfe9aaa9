"""Simulated files: initial conditions that are not shared, and parameters tied to others."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from cape.datasets.equations.equation import EQUATIONS
from cape.datasets.opening import open_files
from cape.datasets.simulate.parameters import LogUniform, Uniform
from cape.datasets.simulate.simulation import simulate


def quick(folder, **changes):
    settings = dict(parameters={"beta": "0.4,1"}, samples=5, seed=3, resolution=32, frames=5, t_end=1.0)
    return simulate("advection", folder, **(settings | changes), progress=False)


TIED = replace(EQUATIONS.find("reaction-diffusion"), resolution=16, frames=2, t_end=0.01)


@pytest.mark.parametrize("unshared", [5, 3])
def test_files_may_have_unshared_initial_conditions_besides_shared_ones(tmp_path, unshared):
    shared, values = 5 - unshared, {"beta": "0.4,1,2"}
    paths = quick(tmp_path / "unshared", parameters=values, unshared=unshared)
    more = quick(tmp_path / "more", parameters=values, samples=7, unshared=unshared + 2)
    (every,) = quick(tmp_path / "all", parameters={"beta": "1"}, samples=shared + 3 * unshared)
    with h5py.File(every) as file:
        expected, numbers = file["tensor"][:, 0], file["initial-condition"][:]
    for number, (path, longer) in enumerate(zip(paths, more, strict=True)):
        chosen = [*range(shared), *range(shared + number, shared + 3 * unshared, 3)]
        with h5py.File(path) as file, h5py.File(longer) as other:
            np.testing.assert_array_equal(file["initial-condition"][:], numbers[chosen])
            np.testing.assert_array_equal(file["tensor"][:, 0], expected[chosen])
            np.testing.assert_array_equal(other["tensor"][:5], file["tensor"][:])


def test_unshared_initial_conditions_have_different_parameter_values(tmp_path):
    values = {"Nu": "0.5,1", "rho": "uniform:1:2"}
    paths = simulate(TIED, tmp_path, values, samples=2, unshared=2, progress=False)
    drawn = open_files(paths).parameters[:, 1]
    np.testing.assert_array_equal(drawn.reshape(2, 2).T.ravel(), Uniform(1, 2).draw(0, "rho", 4))


def test_more_unshared_initial_conditions_than_samples_are_refused(tmp_path):
    with pytest.raises(
        ValueError,
        match=r"unshared: expected a number of samples of each file between 0 and 5 \(of 5\), got 6",
    ):
        quick(tmp_path, unshared=6)


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
        (
            {"Nu": "rho", "rho": "Nu"},
            "cannot tie Nu to rho, which is tied to Nu; tie it to a parameter that",
        ),
        ({"Nu": "1", "rho": "nu"}, r"rho: .*'nu' is not a number; or tie it to another parameter \(Nu\)"),
        ({"rho": "Nu"}, "missing: Nu"),
        ({"Nu": "rho", "rho": "0"}, "needs Nu > 0, got 0"),
    ],
)
def test_ties_that_give_no_value_are_refused(tmp_path, values, message):
    with pytest.raises(ValueError, match=message):
        simulate(TIED, tmp_path / "data", values, samples=1, progress=False)
    assert not (tmp_path / "data").exists()
