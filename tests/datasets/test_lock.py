"""The lock of a run's folder: one holder at a time, stale locks are taken over, nothing is left behind."""

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time

import pytest

from cape.datasets.lock import FILE, FolderInUse, check_held, locked, locked_path, process_start, release_all

HOLD = """
import sys, time
from cape.datasets.lock import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@contextlib.contextmanager
def another_process(folder):
    """Hold the lock of a folder in another process."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().strip() == "held"
        yield process
        process.kill()


def write_lock(folder, **changes):
    holder = {
        "host": platform.node(),
        "process": os.getpid(),
        "started": process_start(os.getpid()),
        "since": "now",
    }
    (folder / FILE).write_text(json.dumps(holder | changes))


def test_the_lock_names_its_holder_and_is_removed_with_the_folder_made_for_it(tmp_path):
    folder = tmp_path / "runs" / "a"
    with locked(folder), locked(folder):  # a thread may take its lock again
        found = json.loads((folder / FILE).read_text())
        assert (found["host"], found["process"]) == (platform.node(), os.getpid())
        assert found["started"] == process_start(os.getpid())
    assert list(tmp_path.iterdir()) == []


def test_the_lock_is_removed_after_an_error_and_other_files_stay(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        (tmp_path / "notes.txt").touch()
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_another_process_is_refused_and_named_until_it_ends(tmp_path):
    with another_process(tmp_path) as process:
        with pytest.raises(
            FolderInUse, match=rf"already running .*process {process.pid} on .*another folder"
        ):
            locked(tmp_path).__enter__()
        assert json.loads((tmp_path / FILE).read_text())["process"] == process.pid
        process.kill()
        until = time.monotonic() + 30  # it is not waited for: a process that has ended is enough
        while process_start(process.pid) is not None and time.monotonic() < until:
            time.sleep(0.01)
        with locked(tmp_path):
            check_held(tmp_path)
    assert not (tmp_path / FILE).exists()


def test_another_thread_is_refused(tmp_path):
    found = []

    def try_it():
        try:
            with locked(tmp_path):
                found.append("held")
        except FolderInUse:
            found.append("refused")

    with locked(tmp_path):
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
    assert found == ["refused"]


def test_a_process_of_the_same_number_that_started_later_does_not_hold_the_lock(tmp_path):
    write_lock(tmp_path, started="1")
    with locked(tmp_path):
        check_held(tmp_path)


def test_a_process_of_another_machine_is_believed_to_run(tmp_path):
    write_lock(tmp_path, host="elsewhere", process=1)
    with pytest.raises(FolderInUse, match=r"process 1 on elsewhere, since now.*remove .*run\.lock"):
        locked(tmp_path).__enter__()


@pytest.mark.parametrize(("age", "stale"), [(0, False), (100, True)])
def test_a_lock_without_content_is_stale_once_it_is_old(tmp_path, age, stale):
    (tmp_path / FILE).touch()
    os.utime(tmp_path / FILE, (time.time() - age,) * 2)
    with contextlib.nullcontext() if stale else pytest.raises(FolderInUse), locked(tmp_path):
        check_held(tmp_path)


def test_of_many_processes_one_takes_over_a_stale_lock(tmp_path):
    write_lock(tmp_path, started="1")
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(4)]
    until = time.monotonic() + 60
    while sum(each.poll() is not None for each in processes) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    (holder,) = (each for each in processes if each.poll() is None)
    assert holder.stdout.readline().strip() == "held"
    holder.kill()
    assert all(
        "FolderInUse" in err for err in (each.communicate()[1] for each in processes if each is not holder)
    )
    holder.communicate()


def test_a_folder_that_vanishes_is_noticed(tmp_path):
    folder = tmp_path / "a"
    with locked(folder):
        shutil.rmtree(folder)
        with pytest.raises(OSError, match=r"removed, moved or taken over .*run\.lock is missing"):
            check_held(folder)
        folder.mkdir()
        write_lock(folder, host="elsewhere")
        with pytest.raises(OSError, match=r"run\.lock names process .* on elsewhere"):
            check_held(folder)
    assert (folder / FILE).exists()  # it is not ours to remove


def test_a_path_is_locked_by_a_hidden_file_next_to_it(tmp_path):
    path = tmp_path / "data" / "a.hdf5"
    with locked_path(path), locked_path(tmp_path / "data" / "b.hdf5"):
        assert sorted(each.name for each in path.parent.iterdir()) == [".a.hdf5.lock", ".b.hdf5.lock"]
        found = []

        def try_it():
            with pytest.raises(
                FolderInUse, match=rf"a\.hdf5: is already being written \(process {os.getpid()} on"
            ):
                locked_path(path).__enter__()
            found.append("refused")

        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join()
        assert found == ["refused"]
    assert list(tmp_path.iterdir()) == []


def test_all_locks_of_the_process_can_be_released(tmp_path):
    with locked(tmp_path / "a"), locked_path(tmp_path / "b"):
        release_all()
        assert [path.name for path in tmp_path.rglob("*")] == ["a"]
