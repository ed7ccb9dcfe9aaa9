"""cape train on data that cannot be trained on: one line, and no run is left."""

from pathlib import Path

import numpy as np
import pytest
from command_line import QUIET, fails, tree, with_nan
from small_files import scalar_field, write_compressible, write_scalar


def advection_files(folder: Path, **second) -> list[str]:
    """Two files of advection, the second with a deviation."""
    u = scalar_field(10, 5, 16) / 1000
    first = write_scalar(folder / "1D_Advection_Sols_beta1.0.hdf5", u, beta=1.0)
    u = second.pop("u", u)
    x = (np.arange(u.shape[-1]) + 0.5) / u.shape[-1]
    other = write_scalar(folder / "second.hdf5", u, x=x, **{"beta": 2.0} | second)
    return [str(first), str(other)]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"without": ("tensor",)}, "second.hdf5: unknown layout, found t-coordinate [6], x-coordinate [16]"),
        (
            {"without": ("x-coordinate",)},
            "second.hdf5: no dataset 'x-coordinate', found t-coordinate, tensor",
        ),
        ({"beta": "fast"}, "second.hdf5: root attribute 'beta' is 'fast', expected one number"),
        ({"equation": "burgers"}, "second.hdf5: no parameter 'Nu': expected a root attribute"),
        (
            {"u": scalar_field(10, 5, 16)[0]},
            "second.hdf5: 'tensor' has 2 axes [5, 16], expected 3 [sample, time",
        ),
        ({"u": scalar_field(10, 5, 8)}, "resolution: (16,) in "),
        ({"u": scalar_field(10, 4, 16)}, "frames: 5 in "),
        ({"boundary": "wall"}, "boundaries: ('periodic',) in "),
        ({"u": with_nan()}, "sample(s) with NaN or infinity"),
        ({"beta": 1.0}, "no parameter varies in the training data (beta), so a model conditioned on them"),
    ],
)
def test_bad_files_are_refused_in_one_line_and_leave_no_run(tiny, second, message, capsys, tmp_path):
    files = advection_files(tmp_path, **second)
    before = tree(tmp_path)
    options = ["--data.files", *files, "--data.held-out", "--out", str(tmp_path / "run"), *QUIET]
    assert message in fails(capsys, "train", str(tiny / "tiny.toml"), *options)
    assert tree(tmp_path) == before


def test_missing_files_mixed_channels_and_what_is_no_hdf5_are_refused(tiny, capsys, tmp_path):
    train = ["train", str(tiny / "tiny.toml"), "--out", str(tmp_path / "run"), *QUIET, "--data.files"]
    scalar, _ = advection_files(tmp_path)
    flow = str(write_compressible(tmp_path / "1D_CFD_periodic.hdf5", points=16, eta=0.1, zeta=0.1))
    text = tmp_path / "text.hdf5"
    text.write_text("no HDF5")
    assert "nothing.hdf5: no such file" in fails(capsys, *train, str(tmp_path / "nothing.hdf5"))
    assert "channel names: ('u',) in " in fails(capsys, *train, scalar, flow)
    assert "text.hdf5: cannot be opened as HDF5" in fails(capsys, *train, str(text))
    assert not (tmp_path / "run").exists()


def test_a_model_that_does_not_fit_leaves_no_run(tiny, capsys, tmp_path):
    u_net = ["model.base:u-net", "--model.base.features", "4", "--model.base.levels", "5"]
    line = fails(capsys, "train", str(tiny / "tiny.toml"), *QUIET, "--out", str(tmp_path / "x"), *u_net)
    assert "grid divisible by 2^levels = 32 along each axis, got (16,)" in line
    assert list(tmp_path.iterdir()) == []
