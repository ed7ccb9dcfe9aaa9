"""split.json: written, read, absent, damaged."""

import pytest

from cape.datasets.initial_conditions import ConditionRecord
from cape.datasets.split_file import read_record, read_split, write_split


def test_the_split_is_read_as_sorted_numbers_of_both_parts(tmp_path):
    write_split(tmp_path, [5, 2, 5], [3])
    assert read_split(tmp_path) == (2, 3, 5)


def test_a_folder_without_the_file_gives_none_and_a_damaged_file_is_refused(tmp_path):
    assert read_split(tmp_path) is None
    for text in ("[1, 2]", '{"training": [1]}', "{"):
        (tmp_path / "split.json").write_text(text)
        with pytest.raises(ValueError, match=r"split\.json: expected lists `training` and `validation`"):
            read_split(tmp_path)


def test_the_record_of_first_frames_is_read_back_and_older_files_have_none(tmp_path):
    record = ConditionRecord((1, 2, 3), "seed", ("ab", "cd"), ("ef",))
    write_split(tmp_path, [1, 2], [3], record=record)
    assert read_record(tmp_path) == record and read_split(tmp_path) == (1, 2, 3)
    write_split(tmp_path, [1, 2], [3])
    assert read_record(tmp_path) is None and read_record(tmp_path / "none") is None


@pytest.mark.parametrize(
    "first_frames",
    ["3", "{}", '{"numbering": "rows", "identities": [], "ambiguous": []}']
    + ['{"numbering": "seed", "identities": [1], "ambiguous": []}'],
)
def test_a_damaged_record_is_refused(tmp_path, first_frames):
    text = f'{{"training": [1], "validation": [], "first_frames": {first_frames}}}'
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(ValueError, match=r"split\.json: expected lists"):
        read_record(tmp_path)
