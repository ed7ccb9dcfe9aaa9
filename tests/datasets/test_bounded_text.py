"""JSON and TOML of unknown origin are bounded before they are parsed."""

import os
import time

import pytest

from cape.datasets.bounded_text import parse_json, read_json, read_toml
from cape.datasets.hdf5_files import naming_errors
from cape.datasets.split_file import read_fingerprints, read_split


def test_what_is_in_bounds_is_read(tmp_path):
    (tmp_path / "a.json").write_text('{"a": [1, "[[[["], "b": {"c": null}}')
    assert read_json(tmp_path / "a.json") == {"a": [1, "[[[["], "b": {"c": None}}
    (tmp_path / "a.toml").write_text('a.b = [1.5, 0.1]\n[c.d]\ne = \'[[\'\nf = """\n[\n"""')
    assert read_toml(tmp_path / "a.toml") == {"a": {"b": [1.5, 0.1]}, "c": {"d": {"e": "[[", "f": "[\n"}}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 65 + "]" * 65, "nested more than 64 levels deep"),
        ("[" * 1_000_000, "nested more than 64 levels deep"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' is repeated"),
        ("{", "Expecting property name"),
    ],
)
def test_json_is_bounded(text, message):
    with pytest.raises(ValueError, match=message):
        parse_json(text)


@pytest.mark.parametrize("text", ["a = " + "[" * 100, "a = " + "{b = " * 100, "a" + ".a" * 100 + " = 1"])
def test_toml_is_bounded(tmp_path, text):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ValueError, match="more than 64 levels"):
        read_toml(tmp_path / "a.toml")


@pytest.mark.parametrize("text", ["{" + '\\"' * 300_000, "'" * 300_001, '"' + "a" * 300_000])
def test_texts_without_an_end_take_no_more_time(text):
    started = time.process_time()
    with pytest.raises(ValueError, match="line 1 column"):
        parse_json(text)
    assert time.process_time() - started < 2


def test_files_are_bounded(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('"' + "x" * 100 + '"')
    with pytest.raises(ValueError, match="more than 100 bytes, which is refused"):
        read_json(file, 100)
    file.write_bytes(b'"\xff"')
    with pytest.raises(ValueError, match="not text in UTF-8 .* at byte 1"):
        read_json(file)
    for special in (os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")):
        path = tmp_path / special.__name__
        special(path)
        with pytest.raises(ValueError, match="not a regular file"):
            read_json(path)


@pytest.mark.parametrize(
    "content",
    ['{"training": [1.5], "validation": []}', '{"training": [1e999]}', "[" * 1000, "[]", '{"training": 3}'],
)
def test_a_damaged_split_is_named(tmp_path, content):
    (tmp_path / "split.json").write_text(content)
    with pytest.raises(ValueError, match="split.json: expected lists `training` and `validation`"):
        read_split(tmp_path)


def test_fingerprints_are_texts(tmp_path):
    (tmp_path / "split.json").write_text('{"training": [1], "validation": [], "fingerprints": [3]}')
    with pytest.raises(ValueError, match="split.json: .*'fingerprints' is not a list of texts"):
        read_fingerprints(tmp_path)


def test_messages_are_one_line_but_for_the_path():
    with pytest.raises(ValueError, match=r"^a\nb.h5: parameter two lines$"), naming_errors("a\nb.h5"):
        raise ValueError("a\nb.h5: parameter two\n\x1blines")
