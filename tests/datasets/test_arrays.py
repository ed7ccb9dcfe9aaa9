"""Trajectories from arrays: what is given is what is held, and every misuse is named."""

import jax.numpy as jnp
import numpy as np
import pytest
from small_files import place, write_scalar

from cape.datasets.arrays import from_arrays
from cape.datasets.opening import open_files

U = place(3, 4, (8,), 1)[..., 0]
WIDE = place(3, 4, (8, 6), 2)


def make(u=U, parameters=None, **changes):
    given = {"dt": 0.1, "dx": 0.25} | changes
    parameters = {"nu": [0.1, 0.2, 0.3]} if parameters is None else parameters
    return from_arrays(u, parameters, **{name: value for name, value in given.items() if value is not None})


def test_a_scalar_field_needs_parameters_and_spacings_only():
    t = make()
    np.testing.assert_array_equal(t.read(), U[..., None])
    assert (t.channel_names, t.parameter_names, t.equation) == (("u",), ("nu",), "unknown")
    np.testing.assert_array_equal(t.parameters, [[0.1], [0.2], [0.3]])
    np.testing.assert_allclose(t.times, [0, 0.1, 0.2, 0.3])
    np.testing.assert_allclose(t.coordinates[0], 0.25 * (np.arange(8) + 0.5))
    assert t.boundaries == ("periodic",)
    assert t.lengths == pytest.approx((2.0,))
    np.testing.assert_array_equal(t.initial_conditions, [0, 1, 2])


def test_several_axes_and_channels_with_everything_given():
    t = from_arrays(
        jnp.asarray(WIDE),
        {"eta": 0.5, "M": np.array([1, 2, 3])},
        times=[0.0, 1.0, 3.0, 4.0],
        coordinates=[np.arange(8.0), np.arange(6.0) / 2],
        channels=["density", "Vx"],
        boundaries=["wall", "outgoing"],
        equation="mine",
        initial_conditions=[7, 7, 8],
    )
    np.testing.assert_array_equal(t.read(), WIDE)
    np.testing.assert_array_equal(t.parameters, [[0.5, 1], [0.5, 2], [0.5, 3]])
    assert (t.channel_names, t.boundaries, t.equation) == (("density", "Vx"), ("wall", "outgoing"), "mine")
    np.testing.assert_array_equal(t.times, [0, 1, 3, 4])
    np.testing.assert_array_equal(t.initial_conditions, [7, 7, 8])


def test_one_spacing_per_axis_and_no_parameter():
    t = from_arrays(WIDE[..., 0], {}, dt=1, dx=(0.5, 1), boundaries="wall")
    assert t.lengths == pytest.approx((4.0, 6.0))
    assert t.boundaries == ("wall", "wall")
    assert t.parameters.shape == (3, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"u": U[0, 0]},
            r"u: expected \[sample, time, \*space\] with 1 to 3 space axes, none empty, got shape \[8\]",
        ),
        ({"u": U[:0]}, r"none empty, got shape \[0, 4, 8\]"),
        (
            {"u": WIDE[:, :, None, None], "dx": 1},
            r"got shape .*; name the channels if the last axis holds channels",
        ),
        ({"channels": ["u"]}, r"u: expected \[sample, time, \*space, channel\] with 1 to 3 space axes"),
        (
            {"u": U.astype(complex)},
            "u: expected real numbers, got complex64|u: expected real numbers, got complex128",
        ),
        (
            {"u": WIDE, "channels": ["a"]},
            r"channels: expected one name for each of the 2 channels of u .*, got 1",
        ),
        ({"u": WIDE, "channels": ["a", "a"]}, "channels: expected names that differ, got .*'a', 'a'"),
        ({"u": WIDE, "channels": "ab"}, "channels: expected a list of names, got the text 'ab'"),
        ({"u": WIDE, "channels": ["a/b", "c"]}, "'a/b' is no name"),
        ({"dt": None}, "expected either dt or times, got neither"),
        ({"times": np.arange(4)}, "expected either dt or times, got both"),
        ({"dx": None}, "expected either dx or coordinates, got neither"),
        ({"coordinates": [np.arange(8)]}, "expected either dx or coordinates, got both"),
        ({"dt": 0.0}, "dt: expected a positive number, got 0.0"),
        ({"dt": [0.1, 0.2]}, r"dt: expected a positive number, got \[0.1, 0.2\]"),
        ({"dx": -1}, "dx: expected a positive number, got -1"),
        ({"dx": (1, 1)}, "dx: expected one for each of the 1 space axes of u, got 2"),
        ({"dx": "wide"}, "dx: expected numbers, got 'wide'"),
        (
            {"dt": None, "times": np.arange(5)},
            r"times: expected one number for each of the 4 frames, got shape \[5\]",
        ),
        ({"dt": None, "times": [0, 2, 1, 3]}, "times: expected increasing numbers, got 0, 2, 1, 3"),
        (
            {"dx": None, "coordinates": [np.arange(7)]},
            r"coordinates\[0\]: expected one number for each of the 8 points",
        ),
        (
            {"dx": None, "coordinates": np.arange(8)},
            "coordinates: expected one for each of the 1 space axes of u, got 8",
        ),
        ({"dx": None, "coordinates": [[np.nan] * 8]}, r"coordinates\[0\]: expected finite numbers"),
        ({"boundaries": "open"}, "boundaries: unknown boundary 'open'; known are periodic, outgoing, wall"),
        ({"boundaries": "period"}, "unknown boundary 'period'; did you mean 'periodic'?"),
        (
            {"boundaries": ["wall", "wall"]},
            "boundaries: expected one for each of the 1 space axes of u, got 2",
        ),
        (
            {"parameters": {"nu": [1, np.nan, 1]}},
            "parameter 'nu': expected finite numbers, got NaN or infinity",
        ),
        (
            {"parameters": {"nu": [1, 2]}},
            r"parameter 'nu': expected a number or one value for each of the 3 samples",
        ),
        ({"parameters": {"nu": "big"}}, "parameter 'nu': expected numbers, got 'big'"),
        ({"parameters": {"n:u": 1}}, "'n:u' is no name"),
        ({"parameters": np.ones((3, 1))}, "parameters: expected a dict of name and value.*; got ndarray"),
        (
            {"initial_conditions": [1, 2]},
            r"initial_conditions: expected integers, one for each of the 3 samples",
        ),
        ({"initial_conditions": [0.5, 1, 2]}, r"initial_conditions: expected integers.*got float64 \[3\]"),
    ],
)
def test_every_misuse_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_values_that_are_not_finite_are_found_when_they_are_read():
    u = U.copy()
    u[1, 2, 3] = np.nan
    with pytest.raises(ValueError, match="1 sample.*NaN"):
        make(u).read()


def test_loaded_trajectories_are_the_same_and_read_the_files_once(tmp_path):
    write_scalar(tmp_path / "1D_Burgers_Sols_Nu0.01.hdf5")
    write_scalar(tmp_path / "1D_Burgers_Sols_Nu0.1.hdf5")
    files = open_files(tmp_path).subsample(space=2, time=2).select([7, 1, 1])
    expected, loaded = files.read(), files.loaded()
    for path in tmp_path.iterdir():
        path.unlink()
    np.testing.assert_array_equal(loaded.read(), expected)
    np.testing.assert_array_equal(loaded.read([2, 0]), expected[[2, 0]])
    assert loaded.source == files.source
    for name in ("parameters", "times", "initial_conditions"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(files, name))
    for name in ("parameter_names", "channel_names", "boundaries", "equation", "resolution"):
        assert getattr(loaded, name) == getattr(files, name)
    np.testing.assert_array_equal(loaded.coordinates[0], files.coordinates[0])


def test_loading_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="NaN or infinity"):
        make(np.full_like(U, np.inf)).loaded()
