"""The contract of readers: every layout has exactly one reader, and another format is one class more."""

import h5py
import numpy as np
import pytest
from small_files import place, write_compressible, write_incompressible, write_samples, write_scalar
from well_files import write_the_well

from cape.datasets.arrays import in_memory
from cape.datasets.inspection import inspect
from cape.datasets.opening import find_files, open_files, reader_of
from cape.datasets.readers.reader import READERS, Reader
from cape.datasets.simulate.writer import write


def write_named_channels(path):
    names = ("A", "B")
    layout = {"parameters": np.ones((2, 1)), "parameter_names": ("k",), "channel_names": names}
    layout |= {"coordinates": [(np.arange(8) + 0.5) / 8], "times": np.arange(3.0)}
    attributes = {"equation": "mine", "boundary": "wall"}
    return write(path, place(2, 3, (8,), 2), **layout, initial_conditions=np.arange(2), attributes=attributes)


LAYOUTS = {
    "PDEBench scalar": lambda folder: write_scalar(folder / "1D_Burgers_Sols_Nu0.1.hdf5"),
    "PDEBench compressible flow": lambda folder: write_compressible(
        folder / "1D_CFD_periodic.hdf5", eta=0.1, zeta=0.1
    ),
    "PDEBench incompressible flow": lambda folder: write_incompressible(
        folder / "ns_incom_inhom_2d_512-0.h5"
    ),
    "PDEBench group per sample": lambda folder: write_samples(
        folder / "2D_rdb_NA_NA.h5", place(2, 3, (8, 8), 1)
    ),
    "named channels": lambda folder: write_named_channels(folder / "mine.hdf5"),
    "The Well": lambda folder: write_the_well(folder / "well.hdf5"),
}


def test_every_reader_has_a_layout_here():
    assert set(READERS.parts) == set(LAYOUTS)
    for name, reader in READERS.parts.items():
        assert reader.name == name
        assert reader.description


@pytest.mark.parametrize("name", LAYOUTS)
def test_exactly_one_reader_recognises_a_layout(name, tmp_path):
    path = LAYOUTS[name](tmp_path)
    assert [reader.name for reader in READERS.parts.values() if reader.recognises(path)] == [name]
    assert reader_of(path).name == name
    assert open_files(tmp_path).samples == open_files(path).samples


class ArraysReader(Reader):
    """Reads NumPy's archives."""

    name = "archive"
    description = "'u' [sample, time, x, channel] and 'nu' [sample] in an .npz file"
    suffixes = (".npz",)

    def recognises(self, path):
        return path.suffix == ".npz"

    def open(self, path):
        with np.load(path) as file:
            u, nu = file["u"], file["nu"]
        grid = {"coordinates": [np.arange(u.shape[2])], "times": np.arange(u.shape[1])}
        return in_memory(u, nu[:, None], ["nu"], channel_names=["u"], boundaries=["periodic"], **grid)


@pytest.fixture
def archives(monkeypatch):
    """A reader of another format, registered for one test."""
    monkeypatch.setattr(READERS, "_parts", dict(READERS.parts))
    return READERS.add(ArraysReader())


def test_a_reader_of_another_format_is_used_for_files_and_folders(tmp_path, archives):
    u = place(3, 4, (8,), 1)
    np.savez(tmp_path / "a.npz", u=u, nu=np.array([0.1, 0.2, 0.3]))
    assert reader_of(tmp_path / "a.npz") is archives
    assert find_files(tmp_path) == [tmp_path / "a.npz"]
    trajectories = open_files(tmp_path)
    np.testing.assert_array_equal(trajectories.read(), u)
    assert trajectories.parameters.ravel().tolist() == [0.1, 0.2, 0.3]
    assert "layout        archive" in inspect(tmp_path)
    with pytest.raises(ValueError, match=r"without \.hdf5 or \.h5 or \.npz files"):
        find_files(tmp_path / "empty") if (tmp_path / "empty").mkdir() is None else None


def test_a_file_that_two_readers_recognise_is_refused(tmp_path, archives, monkeypatch):
    monkeypatch.setattr(ArraysReader, "recognises", lambda self, path: True)
    path = LAYOUTS["PDEBench scalar"](tmp_path)
    with pytest.raises(ValueError, match="Nu0.1.hdf5: the readers PDEBench scalar and archive all recognise"):
        open_files(path)


def test_a_file_that_nobody_recognises_is_described(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["something"] = np.zeros((2, 3))
    with pytest.raises(
        ValueError, match=r"other.h5: unknown layout, found something \[2, 3\]. Known layouts: "
    ):
        open_files(tmp_path / "other.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(ValueError, match="text.h5: cannot be opened as HDF5"):
        open_files(tmp_path / "text.h5")


def test_an_incomplete_reader_is_refused():
    class Incomplete(Reader):
        name = "incomplete"

    with pytest.raises(TypeError, match="abstract"):
        Incomplete()
    with pytest.raises(ValueError, match="lacks open, recognises"):
        READERS.register("incomplete")(Incomplete)


def test_a_pattern_stands_for_the_files_that_match(tmp_path):
    paths = [LAYOUTS["PDEBench scalar"](tmp_path)]
    assert find_files(str(tmp_path / "*.hdf5")) == paths
    assert open_files(tmp_path / "*.hdf5").samples == open_files(paths).samples
    with pytest.raises(ValueError, match=r"none\*\.hdf5: no file matches this pattern"):
        find_files(str(tmp_path / "none*.hdf5"))
