"""Files that say more, less or something else than usual: they are read completely, or refused by name."""

import subprocess
import sys

import h5py
import numpy as np
import pytest
from small_files import cell_centres, dam_break, scalar_field, write_scalar
from well_files import gray_scott

from cape.datasets.inspection import inspect
from cape.datasets.opening import open_files
from cape.datasets.readers.named_channels import open_named_channels

GONE = h5py.ExternalLink("gone.h5", "/u")


def change(path, **contents):
    """Replace objects of a file; a callable gets the file and its name, and None takes the object away."""
    with h5py.File(path, "r+") as file:
        for name, value in contents.items():
            if name in file:
                del file[name]
            if callable(value):
                value(file, name)
            elif value is not None:
                file[name] = value
    return path


def test_integer_and_real_parameters_are_read_together(tmp_path):
    datasets = {"wells": np.arange(6), "depth": np.arange(6) / 2, "level": np.arange(6, dtype="u1")}
    t = open_files(write_scalar(tmp_path / "a.h5", datasets=datasets))
    assert t.parameter_names == ("depth", "level", "wells")
    np.testing.assert_array_equal(t.parameters, np.arange(6)[:, None] * [0.5, 1.0, 1.0])
    with pytest.raises(ValueError, match="b.h5: 'beta' holds .*expected real numbers"):
        open_files(write_scalar(tmp_path / "b.h5", datasets={"beta": np.arange(6) * 1j}))


@pytest.mark.parametrize("link", [h5py.SoftLink("/gone"), GONE])
def test_links_to_nothing_matter_only_where_they_are_needed(tmp_path, link):
    path = change(write_scalar(tmp_path / "a.h5", beta=1.0), old=link)
    assert open_files(path).parameter_names == ("beta",)
    gone = "'/u' in 'gone.h5'" if link is GONE else "'/gone'"
    for name in ("tensor", "x-coordinate", "t-coordinate", "initial-condition", "beta"):
        path = change(write_scalar(tmp_path / "a.h5", beta=1.0), **{name: link})
        with pytest.raises(ValueError, match=f"a.h5: '{name}' is a link to {gone}, which is missing"):
            open_files(path)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["velocity"] = link
    with pytest.raises(ValueError, match=r"other.h5: unknown layout, found velocity \(a link to nothing\)"):
        open_files(tmp_path / "other.h5")
    with pytest.raises(ValueError, match="2D_rdb_1.h5: '0001' is a link to nothing, expected the group"):
        open_files(change(dam_break(tmp_path / "2D_rdb_1.h5"), **{"0001": link}))
    assert open_files(change(dam_break(tmp_path / "2D_rdb_1.h5"), old=link)).samples == 3
    with pytest.raises(ValueError, match="'scalars/F' is a link to"):
        open_files(change(gray_scott(tmp_path), **{"scalars/F": link}))


def virtual(*sources):
    """A virtual dataset of four samples each of so many sources (file, dataset)."""

    def add(file, name):
        layout = h5py.VirtualLayout((8, 5, 8), "f4")
        for i, (source, inside) in enumerate(sources):
            layout[4 * i : 4 * i + 4] = h5py.VirtualSource(source, inside, (4, 5, 8))
        file.create_virtual_dataset(name, layout, fillvalue=7.0)

    return add


def test_virtual_fields_need_all_their_sources(tmp_path):
    u = scalar_field(4)
    write_scalar(tmp_path / "part.h5", u)
    write_scalar(tmp_path / "small.h5", u[:, :, :5])
    whole = {"u": scalar_field(8), "beta": 1.0}

    def given(*sources):
        return change(write_scalar(tmp_path / "a.h5", **whole), tensor=virtual(*sources))

    part = ("part.h5", "tensor")
    np.testing.assert_array_equal(open_files(given(part, part)).read()[4:, ..., 0], u)
    for sources, message in (
        ([part, ("gone.h5", "tensor")], "source 'tensor' in 'gone.h5' is missing: no such file"),
        ([part, ("part.h5", "gone")], "source 'gone' in 'part.h5' is missing: no such dataset"),
        ([part, ("small.h5", "tensor")], r"'small.h5' has shape \[4, 5, 5\]"),
        ([part], "incomplete: its sources hold 160 of its 320 values"),
        ([part, (".", "tensor")], r"'tensor' in '\.' has shape \[8, 5, 8\]|nested too deeply"),
    ):
        with pytest.raises(ValueError, match=rf"a.h5: .*{message}"):
            open_files(given(*sources))


def test_values_that_were_never_written_are_not_read_as_fill_values(tmp_path):
    def chunked(file, name):
        file.create_dataset(name, (6, 5, 8), "f4", chunks=(1, 5, 8))[:4] = 1.0

    def contiguous(file, name):
        file.create_dataset(name, (6, 5, 8), "f4")

    for add, message in (
        (chunked, "2 of its 6 chunks were never written"),
        (contiguous, "its values were never"),
    ):
        with pytest.raises(ValueError, match=f"a.h5: 'tensor' is incomplete: {message}"):
            open_files(change(write_scalar(tmp_path / "a.h5", beta=1.0), tensor=add))


def test_samples_must_have_the_same_times_and_grid(tmp_path):
    assert open_files(dam_break(tmp_path / "2D_rdb_1.h5")).samples == 3
    for name, values in (
        ("grid/t", 0.1 * np.arange(4)),
        ("grid/x", 2 * cell_centres(6)),
        ("grid/y", cell_centres(9)),
        ("grid/t", np.full(4, np.nan)),
        ("grid/x", np.array(["a"] * 6, object)),
    ):
        path = change(dam_break(tmp_path / "2D_rdb_2.h5"), **{f"0002/{name}": values})
        with pytest.raises(ValueError, match=f"2D_rdb_2.h5: '0002/{name}' differs from '0000/{name}'"):
            open_files(path)
    with pytest.raises(ValueError, match="2D_rdb_2.h5: no dataset '0001/grid/x'"):
        open_files(change(dam_break(tmp_path / "2D_rdb_2.h5"), **{"0001/grid/x": None}))


@pytest.mark.parametrize("name", ["k(", "a.*", "[x", "c+"])
def test_names_of_parameters_may_hold_any_printable_character(tmp_path, name):
    attributes = {"channels": ["q"], "parameters": [name], "boundary": "periodic"}
    path = write_scalar(tmp_path / "a.h5", without=["tensor"], datasets={"q": scalar_field()}, **attributes)
    with pytest.raises(ValueError) as error:
        open_named_channels(path)
    assert f"a.h5: no parameter '{name}'" in str(error.value)
    assert open_named_channels(change(path, **{name: np.arange(6)})).parameter_names == (name,)


def test_a_file_in_use_is_said_to_be_so(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest"):  # such files hold a mark while they are open for writing
        pass
    hold = "import h5py, sys; f = h5py.File(sys.argv[1], 'a'); print(flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", hold, str(path)], **pipes) as writer:
        writer.stdout.readline()
        with pytest.raises(ValueError, match="a.h5: locked: another process has the file open for writing"):
            open_files(path)
        writer.kill()
    with pytest.raises(ValueError, match="a.h5: marked as open for writing"):
        open_files(path)


def test_text_of_files_is_printed_without_control_characters(tmp_path):
    text = inspect(write_scalar(tmp_path / "a.h5", beta=1.0, equation="bur\x1b[31mgers\nlayout  other\x07"))
    assert "equation        bur [31mgers layout other\n" in text and "\x1b" not in text
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["\x1b[2J"] = 1.0
    with pytest.raises(ValueError, match=r"other.h5: unknown layout, found \[2J \[\]"):
        open_files(tmp_path / "other.h5")


def test_what_is_not_read_is_said(tmp_path):
    datasets = {"names": np.array(["a"] * 6, "S1"), "depth": np.arange(6)}
    path = change(write_scalar(tmp_path / "a.h5", datasets=datasets), old=GONE)
    assert "not read, as neither fields nor parameters: names, old\n" in inspect(path)
    path = change(gray_scott(tmp_path), **{"t0_fields/C": np.zeros(3)})
    assert "not read, as 'field_names' does not name them: t0_fields/C\n" in inspect(path)


def test_every_error_names_the_file(tmp_path):
    def strings(file, name):
        file[name] = np.array(["a"] * 8, object)

    for contents in ({"x-coordinate": strings}, {"t-coordinate": lambda f, n: f.create_group(n)}):
        with pytest.raises(ValueError, match="a.h5: "):
            open_files(change(write_scalar(tmp_path / "a.h5", beta=1.0), **contents))
    with pytest.raises(ValueError, match="hdf5: cannot be read, damaged or of an unexpected structure"):
        open_files(change(gray_scott(tmp_path), boundary_conditions=np.zeros(3)))


def test_another_format_is_answered_with_the_known_layouts(tmp_path):
    (tmp_path / "x.txt").write_text("0 1 2")
    with pytest.raises(
        ValueError, match=r"x.txt: unknown format '.txt', expected .hdf5 or .h5.*Known layouts: "
    ):
        open_files(tmp_path / "x.txt")
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(
        ValueError, match=r"x.npy: found u \[3\]. Missing: an array of numbers with an axis of time"
    ):
        open_files(tmp_path / "x.npy")
