"""The Well: the boundary of each axis."""

import numpy as np
import pytest
from well_files import write_the_well

from cape.datasets.inspection import inspect
from cape.datasets.readers.the_well import open_the_well

ENDS = {"low": np.arange(8) == 0, "high": np.arange(8) == 7, "both": np.isin(np.arange(8), (0, 7))}


@pytest.mark.parametrize(
    ("boundaries", "expected"),
    [
        ({"x": ("PERIODIC", ["x"], None), "y": ("WALL", ["y"], ENDS["both"])}, ("periodic", "wall")),
        ({"x": ("periodic", "x", None), "y": ("open", "y", ENDS["both"])}, ("periodic", "outgoing")),
        ({"x": ("PERIODIC", [b"x"], None), "y": ("OPEN", ["y"], None)}, ("periodic", "outgoing")),
        (
            {
                "x": ("OPEN", ["x"], None),
                "l": ("WALL", ["y"], ENDS["low"]),
                "h": ("OPEN", ["y"], ENDS["high"]),
            },
            ("outgoing", "wall"),
        ),
        (
            {
                "x": ("OPEN", ["x"], None),
                "y": ("OPEN", ["y"], None),
                "maze": ("WALL", ["x", "y"], np.eye(6, 8) > 0),
            },
            ("outgoing", "outgoing"),
        ),
        ({"xy": ("WALL", ["x", "y"], None)}, ("wall", "wall")),
        (
            {
                "x": ("WALL", ["x"], None),
                "y": ("OPEN", ["y"], None),
                "bar": ("WALL", ["y"], np.arange(8) == 4),
            },
            ("wall", "outgoing"),
        ),
    ],
)
def test_boundaries_per_axis(tmp_path, boundaries, expected):
    assert open_the_well(write_the_well(tmp_path / "a.hdf5", boundaries=boundaries)).boundaries == expected


def test_boundaries_that_kinds_per_axis_cannot_express_are_told(tmp_path):
    boundaries = {
        "x": ("OPEN", ["x"], None),
        "low": ("WALL", ["y"], ENDS["low"]),
        "high": ("OPEN", ["y"], ENDS["high"]),
        "maze": ("WALL", ["x", "y"], np.eye(6, 8) > 0),
    }
    text = inspect(write_the_well(tmp_path / "a.hdf5", boundaries=boundaries))
    assert "axis y is OPEN and WALL: taken as wall" in text
    assert "condition maze (WALL) inside the domain is ignored" in text


@pytest.mark.parametrize(
    ("boundaries", "message"),
    [
        ({}, "boundary of axis 'x' is unknown, expected one condition in 'boundary_conditions'"),
        ({"x": ("OPEN", ["x"], None)}, "boundary of axis 'y' is unknown"),
        (
            {"x": ("SLIP", ["x"], None)},
            "'boundary_conditions/x' has bc_type 'SLIP', expected PERIODIC, WALL or OPEN",
        ),
        ({"a": ("PERIODIC", ["x"], None), "b": ("WALL", ["x"], None)}, "axis 'x' is periodic and wall"),
    ],
)
def test_boundary_errors(tmp_path, boundaries, message):
    with pytest.raises(ValueError, match=f"a.hdf5: .*{message}"):
        open_the_well(write_the_well(tmp_path / "a.hdf5", boundaries=boundaries))
