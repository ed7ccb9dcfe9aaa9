"""Compressible flow: random flows, PDEBench's files, simulated files, and every mistake."""

import h5py
import jax.numpy as jnp
import numpy as np
import pytest

from cape.datasets.equations.compressible import GAMMA, random_flow
from cape.datasets.equations.equation import EQUATIONS
from cape.datasets.opening import open_files
from cape.datasets.schemes.compressible import evolve
from cape.datasets.simulate.cells import cell_centres
from cape.datasets.simulate.simulation import simulate

SEED = 7
NONE = np.zeros(1)


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


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        pytest.param("M1.0_Eta0.01_Zeta0.01", 0.04, marks=pytest.mark.thorough),
        ("M0.1_Eta1e-08_Zeta1e-08", 0.1),
    ],
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
        pytest.param(3, "3D_CFD_Rand_M0.1_Eta0.01_Zeta0.02_periodic_Train.hdf5", marks=pytest.mark.thorough),
    ],
)
def test_files_have_the_benchmark_s_names_and_open_again(tmp_path, dimension, name):
    equation = EQUATIONS.find(f"compressible{dimension}d")
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
@pytest.mark.usefixtures("unchecked")
def test_what_makes_no_sense_is_refused(changes, message):
    arguments = dict(initial=np.ones((1, 8, 8, 4)), eta=NONE, zeta=NONE, times=np.arange(2))
    with pytest.raises(ValueError, match=message):
        evolve(**(arguments | changes))
    with pytest.raises(ValueError, match="at least one sample"):
        random_flow(1, SEED, 0)
