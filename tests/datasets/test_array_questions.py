"""What files of arrays do not say is asked for, in one message with the call to complete."""

import sys

import array_files as files
import numpy as np
import pytest
from array_files import NU, TIMES, U, X

import cape
from cape.datasets.formats.question import Unanswered
from cape.datasets.opening import open_files


def question(path, **description):
    with pytest.raises(Unanswered) as raised:
        cape.open(path, **description)
    message = str(raised.value)
    assert "\n" not in message and message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ").replace(repr(str(path)), "FILE"), raised.value


def test_everything_is_asked_for_at_once(tmp_path):
    np.save(tmp_path / "a.npy", U)
    message, asked = question(tmp_path / "a.npy")
    assert message == (
        "found u [6, 5, 16]. Missing: the axes of 'u' [6, 5, 16], in order, in words of sample, time, x, y, z, "
        "channel; the time between frames (dt), or the times; the spacing of the points (dx), or the coordinates; "
        "the parameters (name and place or value). Fill in the blanks (...): "
        'cape.open(FILE, axes="... ... ...", parameters={"NAME": ...}, dt=..., dx=...)'
    )
    assert asked.command().endswith(
        f'cape import {tmp_path}/a.npy --axes "... ... ..." --parameter NAME=... --dt ... --dx ... --out FOLDER'
    )


def test_what_is_known_or_given_is_filled_in(tmp_path):
    path = files.npz(tmp_path / "a.npz", t=None)
    assert question(path)[0].endswith('cape.open(FILE, axes="... ... x", parameters={"nu": "nu"}, dt=...)')
    message, asked = question(path, axes="sample time x")
    assert message.endswith('Fill in the blanks (...): cape.open(FILE, axes="sample time x", dt=...)')
    assert asked.command().endswith('--axes "sample time x" --dt ... --out FOLDER')
    path = files.hdf5(tmp_path / "b.h5", nu=None, x=None)
    message, _ = question(path, dt=0.1, parameters={"nu": 0.1, "rho": "r"})
    assert message.startswith("found t [5], u [6, 5, 16]. Missing: the axes of ")
    assert message.endswith('axes="... time ...", parameters={"nu": 0.1, "rho": "r"}, dt=0.1, dx=...)')
    message, _ = question(path)
    assert message.startswith("unknown layout, found t [5], u [6, 5, 16]. Known layouts: ")
    with pytest.raises(Unanswered, match="which arrays are the fields: 'u' .*, 'v' .*fields="):
        cape.open(files.npz(tmp_path / "c.npz", v=U[:3]))
    with pytest.raises(Unanswered, match="numbers in attributes or the file's name: run"):
        cape.open(files.npz(tmp_path / "heat_run3.npz", nu=None))


@pytest.mark.parametrize(
    ("description", "message"),
    [
        (
            {"axes": "sample x time"},
            r"'t' \[5\] has no entry for each of the 16 points of the axis 'time'",
        ),
        ({"axes": "sample tim x"}, "unknown axis 'tim'; did you mean 'time'"),
        ({"axes": "sample time"}, "time or space is missing"),
        ({"axes": "sample sample time x"}, "an axis is named twice.*Several sample axes have to be made one"),
        ({"axes": "time x"}, r"names 2 axes, but no array has as many"),
        ({"fields": "v"}, "no array 'v'.*Found u"),
        ({"fields": ["u", "nu"]}, "'nu' .* and 'u' .* differ, expected fields with the same axes"),
        ({"parameters": ["mu"]}, "parameter 'mu': no array, attribute, column .*'mu'; did you mean 'nu'"),
        ({"parameters": {"nu": NU[:5]}}, r"parameter 'nu': 5 values, expected 6 \(one for each sample\)"),
        (
            {"parameters": {"nu": "x"}},
            r"parameter 'x' \[16\]: expected one number, or one for each of the 6 samples",
        ),
        ({"parameters": {"nu": [[1.0]]}}, "parameter 'nu': expected one finite number"),
        ({"parameters": {"nu": "nu[3]"}}, "no column 3"),
        ({"channels": ["a", "b"]}, "channels: expected 1 names for 'u'"),
        ({"channels": "a"}, r"write \['a'\]"),
        ({"dt": 0.1, "times": TIMES}, "either dt or times, got both"),
        ({"times": "y"}, "no array 'y'"),
        ({"dx": [0.1, 0.1]}, "dx: expected one for each of the 1 space axes"),
        ({"boundaries": "open"}, "unknown boundary 'open'"),
        ({"initial_conditions": "t"}, "expected one integer for each of the 6 samples"),
        ({"initial_conditions": np.arange(5)}, "initial_conditions: 5 values, expected 6"),
    ],
)
def test_descriptions_that_do_not_fit_are_refused(tmp_path, description, message):
    with pytest.raises(ValueError, match=message) as raised:
        cape.open(files.npz(tmp_path / "a.npz"), **description)
    assert "\n" not in str(raised.value)


def test_names_that_contradict_each_other_are_refused(tmp_path):
    path = files.npz(tmp_path / "a_nu=0.5.npz")
    with pytest.raises(
        ValueError, match="parameter 'nu' is 0.01 in the array 'nu' and 0.5 in the file's name"
    ):
        cape.open(path)
    path = files.npz(tmp_path / "b.npz", time=2 * TIMES)
    with pytest.raises(ValueError, match=r"'time' \[5\].*may both be the times.*differ; choose with times="):
        cape.open(path)
    assert cape.open(path, times="time").dt == 0.5
    path = files.npz(tmp_path / "c.npz", x=X[::-1])
    with pytest.raises(ValueError, match="'x' is not increasing"):
        cape.open(path)


def test_times_that_are_not_uniform_stop_a_training(tmp_path):
    data = cape.open(files.npz(tmp_path / "a.npz", t=TIMES**2))
    with pytest.raises(ValueError, match="times are not uniform"):
        cape.train(data, progress=False)


def test_transposed_names_are_noticed():
    pytest.importorskip("xarray", reason="the extra `formats` is not installed")
    with pytest.raises(ValueError, match="calls the axis 'time' .* 'x'; are the axes in the order"):
        cape.open(files.dataset(), axes="sample x time")


def test_formats_without_their_package_name_the_extra(tmp_path, monkeypatch):
    (tmp_path / "a.nc").write_bytes(b"CDF\x01")
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r"a.nc: .*needs xarray; .*: pip install 'cape-jax\[formats\]'"):
        open_files(tmp_path / "a.nc")
