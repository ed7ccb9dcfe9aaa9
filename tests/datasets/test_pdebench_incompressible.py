"""PDEBench's incompressible flow: what is read, and every way a file can be wrong."""

import numpy as np
import pytest
from small_files import place, write_incompressible

from cape.datasets.inspection import inspect
from cape.datasets.opening import open_files, reader_of
from cape.datasets.readers.pdebench_incompressible import open_incompressible


def test_incompressible_flow(tmp_path):
    path = write_incompressible(tmp_path / "ns_incom_inhom_2d_512-3.h5")
    t = open_files(path)
    assert reader_of(path).name == "PDEBench incompressible flow" and t.equation == "incompressible"
    assert t.channel_names == ("Vx", "Vy", "particles", "force_x", "force_y")
    assert t.parameters.shape == (4, 0) and t.boundaries == ("wall", "wall") and t.lengths == (1.0, 1.0)
    u = place(4, 5, (8, 8), 5)
    u[:, 1:, ..., 3:] = u[:, :1, ..., 3:]
    np.testing.assert_array_equal(t.read(), u)
    np.testing.assert_array_equal(t.subsample(2, 2).first_frames(2).read([3, 0]), u[[3, 0], :4:2, ::2, ::2])
    np.testing.assert_allclose(t.times, 0.005 * np.arange(5))
    text = inspect(path)
    assert "no coordinates in the file" in text and "no parameter: nothing" in text


def test_every_sample_of_incompressible_flow_starts_on_its_own(tmp_path):
    for i in range(2):
        write_incompressible(tmp_path / f"ns_incom_inhom_2d_512-{i}.h5")
    assert len(np.unique(open_files(tmp_path).initial_conditions)) == 8


def test_incompressible_times(tmp_path):
    t = open_incompressible(write_incompressible(tmp_path / "a.h5", times=np.arange(6.0)))
    np.testing.assert_array_equal(t.times, np.arange(5.0))
    later = np.arange(5.0) + 10 * np.arange(4)[:, None]
    t = open_incompressible(write_incompressible(tmp_path / "b.h5", times=later))
    np.testing.assert_array_equal(t.times, np.arange(5.0))  # other starts, equal steps: from 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            dict(times=np.arange(5.0) * np.arange(1, 5)[:, None]),
            "'t' has different time steps in some samples",
        ),
        (
            dict(times=np.zeros((3, 5))),
            r"'t' has shape \[3, 5\], expected \[5\] or \[4, 5\] or \[6\] or \[4, 6\]",
        ),
        (dict(times=np.zeros((4, 5))), "'t' is not increasing"),
        (
            dict(datasets={"velocity": np.zeros((4, 5, 8, 8))}),
            r"'velocity' has axes \[4, 5, 8, 8\], expected \[sample",
        ),
        (
            dict(datasets={"force": np.zeros((4, 8, 8))}),
            r"'force' has axes \[4, 8, 8\], expected \[4, 8, 8, 2\]",
        ),
        (
            dict(datasets={"particles": np.zeros((4, 5, 4, 4, 1))}),
            r"'particles' has axes \[4, 5, 4, 4, 1\], expected \[4, 5, 8, 8, 1\]",
        ),
    ],
)
def test_incompressible_errors(tmp_path, changes, message):
    with pytest.raises(ValueError, match=f"a.h5: .*{message}"):
        open_files(write_incompressible(tmp_path / "a.h5", **changes))


def test_incompressible_flow_needs_all_its_datasets(tmp_path):
    with pytest.raises(ValueError, match="unknown layout, found particles .*Known layouts"):
        open_files(write_incompressible(tmp_path / "a.h5", without=["force"]))
