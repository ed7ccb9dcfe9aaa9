"""Equations in two dimensions: mistakes are refused, and files are read back."""

import numpy as np
import pytest

from cape.datasets.equations.equation import EQUATIONS
from cape.datasets.opening import open_files
from cape.datasets.schemes import fitzhugh_nagumo, gray_scott, incompressible
from cape.datasets.simulate.cells import cell_centres
from cape.datasets.simulate.simulation import simulate

SEED = 7
ONE = np.ones(1)


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
@pytest.mark.usefixtures("unchecked")
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
    equation, (parameters, file_name, (origin, length, boundary)) = EQUATIONS.find(name), FILES[name]
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
