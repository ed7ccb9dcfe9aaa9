"""PDEBench's files: what is read from datasets, attributes and names, and every way a file can be wrong."""

import h5py
import numpy as np
import pytest
from small_files import scalar_field, write_compressible, write_scalar

from cape.datasets.inspection import inspect
from cape.datasets.opening import open_files
from cape.datasets.readers.pdebench_compressible import open_compressible
from cape.datasets.readers.pdebench_scalar import open_scalar

# Parameters and equation of scalar files


@pytest.mark.parametrize(
    ("name", "attributes", "equation", "parameters"),
    [
        ("1D_Advection_Sols_beta0.4.hdf5", {"beta": 0.4}, "advection", {"beta": 0.4}),
        ("1D_Advection_Sols_beta0.4.hdf5", {}, "advection", {"beta": 0.4}),
        ("1D_Burgers_Sols_Nu0.001.hdf5", {}, "burgers", {"Nu": 0.001}),
        ("1D_Burgers_Sols_Nu1.e-8.h5", {}, "burgers", {"Nu": 1e-8}),
        ("ReacDiff_Nu0.5_Rho1.0.hdf5", {}, "reaction-diffusion", {"Nu": 0.5, "rho": 1.0}),
        ("ReacDiff_react_Nu0.5_Rho1.0.hdf5", {"rho": 2.0}, "reaction-diffusion", {"Nu": 0.5, "rho": 2.0}),
        ("a.hdf5", {"beta": 0.1}, "advection", {"beta": 0.1}),
        ("a.hdf5", {"Nu": 0.1}, "burgers", {"Nu": 0.1}),
        ("a.hdf5", {"Nu": 0.1, "rho": 3.0}, "reaction-diffusion", {"Nu": 0.1, "rho": 3.0}),
        ("a.hdf5", {"nu": 0.1}, "burgers", {"Nu": 0.1}),
        ("a.hdf5", {"beta": 0.1, "Nu": 0.2}, "unknown", {"beta": 0.1, "Nu": 0.2}),
        ("a.hdf5", {"equation": "heat", "Nu": 0.2}, "heat", {"Nu": 0.2}),
        ("Nu0.1_Burgers.hdf5", {"equation": "burgers", "Nu": np.array([0.2])}, "burgers", {"Nu": 0.2}),
    ],
)
def test_parameters_from_attributes_or_name(tmp_path, name, attributes, equation, parameters):
    t = open_scalar(write_scalar(tmp_path / name, **attributes))
    assert t.equation == equation
    assert t.parameter_names == tuple(parameters)
    np.testing.assert_allclose(t.parameters, np.tile(list(parameters.values()), (6, 1)), rtol=1e-15)
    assert t.boundaries == ("periodic",)


def test_one_value_per_sample_wins_over_attribute_and_name(tmp_path):
    nu, ids = np.geomspace(1e-3, 1, 6), np.array([5, 4, 3, 3, 3, 0])
    path = tmp_path / "1D_Burgers_Sols_Nu0.5.hdf5"
    t = open_scalar(write_scalar(path, Nu=0.1, datasets={"Nu": nu, "initial-condition": ids}))
    np.testing.assert_array_equal(t.parameters[:, 0], nu)
    np.testing.assert_array_equal(t.initial_conditions, ids)
    np.testing.assert_array_equal(t.where(Nu=nu[2]).read()[..., 0], scalar_field()[2:3])


def test_parameters_of_another_equation(tmp_path):
    kappa = np.linspace(1, 2, 6)
    t = open_scalar(write_scalar(tmp_path / "a.hdf5", equation="heat", datasets={"kappa": kappa}))
    assert t.equation == "heat" and t.parameter_names == ("kappa",)
    np.testing.assert_array_equal(t.parameters[:, 0], kappa)


def test_times_may_be_as_many_as_frames_or_one_more(tmp_path):
    for n in (5, 6):
        t = open_scalar(write_scalar(tmp_path / f"{n}.hdf5", times=0.25 * np.arange(n), Nu=1.0))
        np.testing.assert_array_equal(t.times, [0, 0.25, 0.5, 0.75, 1])
    for n in (4, 7):
        path = write_scalar(tmp_path / f"{n}.hdf5", times=0.25 * np.arange(n), Nu=1.0)
        with pytest.raises(ValueError, match=rf"'t-coordinate' has shape \[{n}\], expected \[5\] or \[6\]"):
            open_scalar(path)


# Compressible flow


@pytest.mark.parametrize(
    ("name", "dimension", "parameters", "boundary"),
    [
        ("1D_CFD_Rand_Eta1.e-8_Zeta0.02_periodic_Train.hdf5", 1, (1e-8, 0.02), "periodic"),
        ("1D_CFD_Shock_Eta0.01_Zeta1.e-8_trans_Train.hdf5", 1, (0.01, 1e-8), "outgoing"),
        ("2D_CFD_Rand_M0.1_Eta0.01_Zeta0.02_periodic_128_Train.hdf5", 2, (0.1, 0.01, 0.02), "periodic"),
        ("2D_CFD_Turb_M1.0_Eta1e-08_Zeta1e-08_trans_512_Train.hdf5", 2, (1, 1e-8, 1e-8), "outgoing"),
        ("3D_CFD_Turb_M1.0_Eta1e-08_Zeta1e-08_periodic_Train.hdf5", 3, (1, 1e-8, 1e-8), "periodic"),
    ],
)
def test_compressible_flow_in_any_dimension(tmp_path, name, dimension, parameters, boundary):
    t = open_compressible(write_compressible(tmp_path / name, dimension, points=4))
    assert t.equation == f"compressible{dimension}d"
    assert t.parameter_names == ("M", "eta", "zeta")[-len(parameters) :]
    np.testing.assert_allclose(t.parameters, np.tile(parameters, (3, 1)), rtol=1e-15)
    assert t.boundaries == (boundary,) * dimension
    assert t.channel_names == ("density", "pressure", "Vx", "Vy", "Vz")[: 2 + dimension]
    assert t.resolution == (4,) * dimension
    at_end = t.read()[2, 1, *(3,) * dimension]  # 1000·c + 100·sample + 10·time + x + y/10 + z/100
    expected = 210 + 3 * sum((1, 0.1, 0.01)[:dimension]) + 1000 * np.arange(2 + dimension)
    np.testing.assert_allclose(at_end, expected, rtol=1e-6)


def test_attributes_of_compressible_flow(tmp_path):
    path = write_compressible(tmp_path / "Sod1.hdf5", eta=0.1, zeta=0.2, boundary="wall")
    t = open_compressible(path)
    assert t.boundaries == ("wall",)
    np.testing.assert_array_equal(t.parameters[0], [0.1, 0.2])


def test_compressible_flow_errors(tmp_path):
    with pytest.raises(ValueError, match="no dataset 'pressure', found Vx, density"):
        open_compressible(write_compressible(tmp_path / "a_periodic.hdf5", without=["pressure"]))
    with pytest.raises(ValueError, match="no dataset 'Vy'"):
        open_compressible(write_compressible(tmp_path / "b_periodic.hdf5", 2, without=["Vy"]))
    with pytest.raises(ValueError, match="no dataset 'x-coordinate'"):
        path = write_compressible(tmp_path / "c_periodic.hdf5", without=["x-coordinate"], eta=1.0, zeta=1.0)
        open_compressible(path)
    with pytest.raises(ValueError, match="no parameter 'zeta': .*root attributes found: eta"):
        open_compressible(write_compressible(tmp_path / "d_periodic.hdf5", eta=1.0))
    with pytest.raises(ValueError, match="boundaries unknown: expected 'periodic' or 'trans'"):
        open_compressible(write_compressible(tmp_path / "Sod1.hdf5", eta=1.0, zeta=1.0))
    with pytest.raises(ValueError, match="'boundary' is 'open', expected one of"):
        open_compressible(write_compressible(tmp_path / "e.hdf5", eta=1.0, zeta=1.0, boundary="open"))
    with pytest.raises(ValueError, match=r"'pressure' has axes \[3, 4, 7\], expected \[3, 4, 8\]"):
        path = write_compressible(tmp_path / "f_periodic.hdf5", datasets={"pressure": np.zeros((3, 4, 7))})
        open_compressible(path)
    with pytest.raises(
        ValueError, match="no parameter 'M'"
    ):  # M01 is their spelling of 0.1: not guessed as 1
        open_compressible(write_compressible(tmp_path / "KH_M01_periodic.hdf5", 2, eta=1.0, zeta=1.0))


# Files that are wrong


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(without=["x-coordinate"]), "no dataset 'x-coordinate', found t-coordinate, tensor"),
        (dict(without=["t-coordinate"]), "no dataset 't-coordinate', found tensor, x-coordinate"),
        (
            dict(x=np.arange(7.0)),
            r"'x-coordinate' has shape \[7\], expected \[8\] to match 'tensor' \[6, 5, 8\]",
        ),
        (dict(x=np.arange(8.0)[::-1]), "'x-coordinate' is not increasing"),
        (
            dict(u=np.zeros((6, 5, 8, 8))),
            r"'tensor' has 4 axes \[6, 5, 8, 8\], expected 3 \[sample, time, x\]",
        ),
        (dict(u=np.zeros((6, 5, 8), complex)), "'tensor' holds complex128, expected real numbers"),
        (dict(u=np.zeros((0, 5, 8))), r"'tensor' is empty, \[0, 5, 8\]"),
        (dict(Nu="large"), "root attribute 'Nu' is 'large', expected one number"),
        (dict(Nu=np.nan), "hold NaN or infinity"),
        (dict(datasets={"Nu": np.ones(5)}), r"parameter 'Nu' has shape \[5\], expected \[6\]"),
        (
            dict(datasets={"initial-condition": np.ones(6)}),
            r"'initial-condition' is float64 \[6\], expected int",
        ),
        (dict(equation="advection"), "no parameter 'beta': expected a root attribute"),
        (dict(datasets={"nu": np.zeros((6, 8, 8))}, beta=1.0), "steady Darcy flow"),
    ],
)
def test_scalar_file_errors(tmp_path, changes, message):
    path = write_scalar(tmp_path / "a.hdf5", **({"Nu": 1.0} | changes))
    with pytest.raises(ValueError, match=f"a.hdf5: .*{message}"):
        open_scalar(path)


def test_no_parameter_anywhere(tmp_path):
    with pytest.raises(ValueError, match=r"a.hdf5: no parameter found; expected beta \(advection\)"):
        open_scalar(write_scalar(tmp_path / "a.hdf5"))
    with pytest.raises(ValueError, match="no parameter 'Nu'.*root attributes found: none"):
        open_scalar(write_scalar(tmp_path / "1D_Burgers.hdf5"))


def test_files_that_cannot_be_opened(tmp_path):
    (tmp_path / "text.hdf5").write_text("not HDF5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["velocity"], file["0000/data"] = np.zeros((2, 3)), np.zeros(4)
    with pytest.raises(ValueError, match="text.hdf5: cannot be opened as HDF5"):
        open_files(tmp_path / "text.hdf5")
    with pytest.raises(ValueError, match="absent.hdf5: no such file"):
        open_files(tmp_path / "absent.hdf5")
    with pytest.raises(
        ValueError, match=r"other.h5: unknown layout, found 0000/, velocity \[2, 3\]. Known layouts"
    ):
        open_files([tmp_path / "other.h5"])
    with pytest.raises(ValueError, match="expected at least one HDF5 file or folder"):
        open_files([])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: a folder without .hdf5 or .h5 files"):
        open_files(tmp_path / "empty")


# Several files, folders, descriptions


def test_a_folder_is_its_files_sorted(tmp_path):
    for nu in (0.2, 0.1):
        write_scalar(tmp_path / f"1D_Burgers_Sols_Nu{nu}.hdf5")
    (tmp_path / "readme.txt").write_text("")
    for paths in (tmp_path, str(tmp_path), [tmp_path]):
        np.testing.assert_array_equal(open_files(paths).parameters[:, 0], [0.1] * 6 + [0.2] * 6)
    with pytest.raises(ValueError, match="given more than once"):
        open_files([tmp_path, tmp_path / "1D_Burgers_Sols_Nu0.1.hdf5"])


def test_inspect_tells_what_is_in_a_file_and_warns(tmp_path):
    text = inspect(write_scalar(tmp_path / "1D_Burgers_Sols_Nu0.01.hdf5"))
    for expected in (
        "layout        PDEBench scalar",
        "samples       6, of 6 initial conditions",
        "frames        5, t = 0 to 1, dt = 0.25",
        "axis x        8 points, 0.0625 to 0.9375, dx = 0.125, periodic",
        "parameter Nu  0.01",
        "'t-coordinate' is one longer than the frames",
        "warning       Nu does not vary, so a conditioned model cannot learn it",
    ):
        assert f"  {expected}" in text
    write_scalar(tmp_path / "1D_Burgers_Sols_Nu0.1.hdf5")
    together = inspect(tmp_path).split("All together")[1]
    assert "samples       12, of 6 initial conditions" in together and "warning" not in together


def test_inspect_warns_of_times_frames_values_and_strangers(tmp_path):
    u = scalar_field()
    u[3, 2, 1] = np.nan
    uneven = write_scalar(tmp_path / "uneven.hdf5", u, times=np.array([0, 1, 2, 3, 5.0]), Nu=1.0)
    assert "times are not uniform" in inspect(uneven)
    assert "NaN" not in inspect(uneven)
    assert "1 of 6 samples hold NaN or infinity" in inspect(uneven, check_values=True)
    assert f"range u       0 to {scalar_field().max():g}" in inspect(uneven, check_values=True)
    still = write_scalar(tmp_path / "still.hdf5", scalar_field(frames=1), datasets={"Nu": np.arange(6.0)})
    assert "one frame only" in inspect(still)
    assert "files do not fit together: frames: 5 in" in inspect([uneven, still])


def test_the_development_files(pdebench):
    burgers = open_files(sorted(pdebench.glob("1D_Burgers_Sols_Nu*.hdf5")))
    assert burgers.fields.shape == (1060, 41, 128, 1)
    assert burgers.dt == pytest.approx(0.05) and burgers.lengths == pytest.approx((1.0,))
    assert len(np.unique(burgers.parameters)) == 11 and len(np.unique(burgers.initial_conditions)) == 100
    starts = [burgers.where(Nu=nu).first_frames(1).read([7]) for nu in (0.001, 2.0)]
    np.testing.assert_allclose(*starts, atol=1e-5)  # the same initial condition at the same position
    flow = open_files(sorted(pdebench.glob("2D_CFD_*.hdf5")))
    assert flow.read([0, 5]).shape == (2, 21, 64, 64, 4)
    np.testing.assert_array_equal(np.unique(flow.parameters, axis=0), [[0.1, 1e-8, 1e-8], [1, 0.01, 0.01]])
    # Beta 1 shifts by 0.05 a frame: after 20 frames every wave is back where it started.
    u = open_files(pdebench / "1D_Advection_Sols_beta1.0.hdf5").read(np.arange(20))
    errors = np.linalg.norm(u[:, 20] - u[:, 0], axis=1) / np.linalg.norm(u[:, 0], axis=1)
    assert errors.mean() < 1e-2
