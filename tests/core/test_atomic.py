"""Atomic writing: a file or folder is complete or as it was before, also after a process was killed."""

import errno
import multiprocessing
import os
import signal
import time

import pytest

from cape.atomic import discard_temporaries, remove_leftovers, replacing, write_bytes, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files_are_written_and_replaced(tmp_path):
    path = tmp_path / "new" / "a.txt"
    assert write_text(path, "ν = 1\n") == path
    assert path.read_text(encoding="utf-8") == "ν = 1\n"
    assert write_bytes(path, b"\x00\x01") == path
    assert path.read_bytes() == b"\x00\x01"
    assert names(path.parent) == ["a.txt"]


def test_the_temporary_is_hidden_and_keeps_the_suffix(tmp_path):
    with replacing(tmp_path / "a.hdf5") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".a.hdf5.")
        assert temporary.suffix == ".hdf5"
        temporary.write_text("x")
        assert not (tmp_path / "a.hdf5").exists()
    assert names(tmp_path) == ["a.hdf5"]


def test_errors_name_the_file_that_was_asked_for(tmp_path):
    path = tmp_path / "folder"
    with pytest.raises(OSError, match=f"No space.*{path}'"), replacing(path):
        raise OSError(errno.ENOSPC, "No space left on device")  # as `write` raises it, without a name
    with pytest.raises(OSError, match=f"Read-only.*{path / 'a.txt'}'"), replacing(path) as temporary:
        raise OSError(errno.EROFS, "Read-only file system", str(temporary / "a.txt"))
    with pytest.raises(FileNotFoundError, match="other.txt"), replacing(path):
        (tmp_path / "other.txt").read_text()
    assert names(tmp_path) == []


def test_after_an_error_everything_is_as_it_was(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert names(tmp_path) == ["a.txt"]
    assert path.read_text() == "before"


def test_after_an_error_folders_that_were_made_are_gone(tmp_path):
    with pytest.raises(RuntimeError), replacing(tmp_path / "new" / "inner" / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert names(tmp_path) == []


def test_folders_are_replaced(tmp_path):
    folder = tmp_path / "run"
    for content in ("old", "new"):
        with replacing(folder) as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert names(tmp_path) == ["run"]
    assert names(folder) == ["new"]


def test_a_folder_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "old").write_text("")
    rename, calls = os.replace, []

    def fails_at_the_second(a, b):
        calls.append(a)
        if len(calls) == 2:
            raise OSError("no")
        rename(a, b)

    monkeypatch.setattr(os, "replace", fails_at_the_second)
    with pytest.raises(OSError, match="no"), replacing(folder) as temporary:
        temporary.mkdir()
    assert names(tmp_path) == ["run"]
    assert names(folder) == ["old"]


def killed_while_writing(path, is_folder):
    with replacing(path) as temporary:
        if is_folder:
            temporary.mkdir()
            temporary = temporary / "part"
        temporary.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("is_folder", [False, True])
def test_the_next_write_removes_what_a_killed_process_left(tmp_path, is_folder):
    path = tmp_path / "a.hdf5"
    process = multiprocessing.get_context("spawn").Process(
        target=killed_while_writing, args=(path, is_folder)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    (leftover,) = names(tmp_path)
    assert leftover.startswith(".a.hdf5.")
    write_text(tmp_path / "b.hdf5", "another file")
    assert leftover in names(tmp_path)
    write_text(path, "whole")
    assert names(tmp_path) == ["a.hdf5", "b.hdf5"]


def test_leftovers_of_killed_processes_in_a_folder_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("cape.atomic._is_running", lambda process: process == 2)
    monkeypatch.setattr("cape.atomic._owner", lambda process: f"here-{process}")
    running, elsewhere, recent = (
        f".{name}.partial.hdf5" for name in ("a.hdf5.here-2.1", "b.hdf5.there-1.2", "c.hdf5.there-1.3")
    )
    for name in (".a.hdf5.here-1.0.partial.hdf5", running, elsewhere, recent, ".other", "a.hdf5"):
        (tmp_path / name).touch()
    folder = tmp_path / ".data.with.dots.here-1.4.partial"
    (folder / "inner").mkdir(parents=True)
    os.utime(tmp_path / elsewhere, (time.time() - 8 * 24 * 3600,) * 2)
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted([running, recent, ".other", "a.hdf5"])
    remove_leftovers(tmp_path / "missing")


def test_an_old_folder_gets_its_name_back_where_nothing_has_taken_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr("cape.atomic._is_running", lambda process: False)
    monkeypatch.setattr("cape.atomic._owner", lambda process: f"here-{process}")
    for name in (".run.here-1.abc.partial.old", ".other.here-1.abc.partial.old", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name.rpartition(".")[2]).touch()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["other", "run"]
    assert (names(tmp_path / "run"), names(tmp_path / "other")) == (["old"], ["other"])


def test_temporaries_of_this_process_can_be_discarded(tmp_path):
    with (
        pytest.raises(ZeroDivisionError),
        replacing(tmp_path / "a") as folder,
        replacing(tmp_path / "b") as file,
    ):
        folder.mkdir()
        file.touch()
        discard_temporaries()
        assert names(tmp_path) == []
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_what_a_running_process_writes_is_left_alone(tmp_path):
    path = tmp_path / "a.txt"
    with replacing(path) as first:
        first.write_text("first")
        write_text(path, "second")
        assert path.read_text() == "second"
        assert first.exists()
    assert path.read_text() == "first"
    assert names(tmp_path) == ["a.txt"]


def test_an_old_folder_is_kept_until_another_has_taken_its_place(tmp_path, monkeypatch):
    """The process was killed between renaming the old folder and renaming the new one."""
    monkeypatch.setattr("cape.atomic._is_running", lambda process: process == os.getpid())
    monkeypatch.setattr("cape.atomic._owner", lambda process: f"here-{process}")
    old = tmp_path / ".run.here-1.abc.partial.old"
    old.mkdir()
    (old / "weights").write_text("old")
    with replacing(tmp_path / "run") as temporary:
        temporary.mkdir()
        assert old.exists()
    with replacing(tmp_path / "run") as temporary:
        temporary.mkdir()
        assert not old.exists()
