"""split.json: written, read, absent, damaged."""

import pytest

from cape.datasets.split_file import read_split, write_split


def test_the_split_is_read_as_sorted_numbers_of_both_parts(tmp_path):
    write_split(tmp_path, [5, 2, 5], [3])
    assert read_split(tmp_path) == (2, 3, 5)


def test_a_folder_without_the_file_gives_none_and_a_damaged_file_is_refused(tmp_path):
    assert read_split(tmp_path) is None
    for text in ("[1, 2]", '{"training": [1]}', "{"):
        (tmp_path / "split.json").write_text(text)
        with pytest.raises(ValueError, match=r"split\.json: expected lists `training` and `validation`"):
            read_split(tmp_path)
