"""Files of unknown origin: data outside their folder, claimed sizes, damaged texts, YAML without end."""

import struct

import h5py
import numpy as np
import pytest
from small_files import dam_break, scalar_field, write_scalar

from cape.datasets import isolated_opening
from cape.datasets.opening import open_files
from cape.datasets.readers.yaml_text import numbers_of

U = scalar_field()


def stored_in(raw):
    return lambda file: file.create_dataset("tensor", U.shape, "f4", external=[(str(raw), 0, U.nbytes)])


def external_link(target):
    return lambda file: file.update({"tensor": h5py.ExternalLink(str(target), "/tensor")})


def virtual(source):
    layout = h5py.VirtualLayout(U.shape, "f4")
    layout[...] = h5py.VirtualSource(str(source), "tensor", U.shape)
    return lambda file: file.create_virtual_dataset("tensor", layout)


def given(path, add_tensor):
    path = write_scalar(path, without=["tensor"], beta=1.0)
    with h5py.File(path, "r+") as file:
        add_tensor(file)
    return path


@pytest.fixture
def folders(tmp_path):
    for name in ("data", "elsewhere"):
        (tmp_path / name).mkdir()
        write_scalar(tmp_path / name / "whole.h5", U)
        (tmp_path / name / "raw.bin").write_bytes(U.tobytes())
    return tmp_path


@pytest.mark.parametrize(
    ("add", "name"), [(stored_in, "raw.bin"), (external_link, "whole.h5"), (virtual, "whole.h5")]
)
def test_data_in_other_files_are_read_in_the_folder_only(folders, add, name):
    path = folders / "data" / "given.h5"
    for place in (name, folders / "data" / name):
        np.testing.assert_array_equal(open_files(given(path, add(place))).read()[..., 0], U)
    for place in (folders / "elsewhere" / name, f"../elsewhere/{name}"):
        with pytest.raises(ValueError, match=f"given.h5: 'tensor' .*{name}', outside the folder of the file"):
            open_files(given(path, add(place)))
        np.testing.assert_array_equal(open_files(path, trusted=True).read()[..., 0], U)


def test_a_file_of_the_folder_may_not_lead_out_of_it(folders):
    given(folders / "data" / "beside.h5", external_link("../elsewhere/whole.h5"))
    with pytest.raises(ValueError, match="beside.h5: 'tensor' links to .*outside the folder"):
        open_files(given(folders / "data" / "given.h5", virtual("beside.h5")))
    (folders / "data" / "alias.h5").symlink_to(folders / "elsewhere" / "whole.h5")
    with pytest.raises(ValueError, match=r"given.h5: 'tensor' links to 'alias.h5', outside the folder"):
        open_files(given(folders / "data" / "given.h5", external_link("alias.h5")))


def test_raw_files_must_hold_all_values(folders):
    (folders / "data" / "raw.bin").write_bytes(U.tobytes()[:-1])
    with pytest.raises(
        ValueError, match="given.h5: 'tensor' is stored in 'raw.bin', which has 959 bytes, expected"
    ):
        open_files(given(folders / "data" / "given.h5", stored_in("raw.bin")))
    with pytest.raises(ValueError, match="given.h5: 'tensor' is stored in 'none.bin', which is missing"):
        open_files(given(folders / "data" / "given.h5", stored_in("none.bin")))


def test_a_claim_of_much_more_than_is_stored_is_refused(tmp_path):
    def claim(file):
        field = file.create_dataset("tensor", (6, 5, 2**28), "f4", chunks=(6, 5, 2**18), compression="gzip")
        field[:, :, :1] = 1.0

    path = given(tmp_path / "a.h5", claim)
    with pytest.raises(
        ValueError, match="a.h5: 'tensor' claims 32212254720 bytes .*more than 1000 times the"
    ):
        open_files(path)
    with pytest.raises(ValueError, match="a.h5: 'tensor' is incomplete"):
        open_files(path, trusted=True)


def test_a_damaged_text_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(isolated_opening, "SECONDS", 2.0)
    whole = write_scalar(tmp_path / "whole.h5", beta=1.0, equation="advection")
    assert open_files(whole).equation == "advection"
    content = whole.read_bytes()
    size = content.index(b"GCOL") + 24  # of the text, in the heap
    damaged = tmp_path / "damaged.h5"
    for replacement in (bytes(8), struct.pack("<Q", 3500)):
        damaged.write_bytes(content[:size] + replacement + content[size + 8 :])
        with pytest.raises(
            ValueError, match="damaged.h5: (damaged: reading it takes too long|.*[Uu]nable to)"
        ):
            open_files([whole, damaged])


def test_yaml_is_bounded(tmp_path):
    assert numbers_of("a: [1, {b: 1e-3}]\nc: &x {d: 2}\ne: *x") == {
        "a.0": 1,
        "a.1.b": 1e-3,
        "c.d": 2,
        "e.d": 2,
    }
    levels = "".join(
        f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    for text, message in (
        ("a: " + "[" * 40 + "]" * 40, "or 32 levels"),
        ("a: " + "[" * 100_000, "nest"),
        ("a: &a [1]\n" + levels, "more than 100000 values"),
        ("a: &a {x: 1}\nb: {<<: *a}", "merges mappings"),
        ("a: &a [*a]", "more than 100000 values or 32 levels"),
        ("a: " + "1" * 2**20, "more than 1048576 characters"),
        ("a: {[1]: 2}", "not YAML"),
        (f"a: {'9' * 5000}", "digits"),
    ):
        with pytest.raises(ValueError, match=message):
            numbers_of(text)
    path = dam_break(tmp_path / "2D_rdb_1.h5")
    with h5py.File(path, "r+") as file:
        file["0001"].attrs["config"] = "a: " + "[" * 40 + "]" * 40
    with pytest.raises(
        ValueError, match="2D_rdb_1.h5: attribute 'config' of group '0001': YAML with more than"
    ):
        open_files(path)
