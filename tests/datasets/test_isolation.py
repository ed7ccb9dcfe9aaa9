"""Files are opened in a child process, which may crash, hang or use too much memory."""

import os
import signal
import time

import numpy as np
import pytest
from small_files import scalar_field, write_scalar

from cape.datasets import isolated_opening, isolation
from cape.datasets.isolation import Child, ChildEnded, limit_time
from cape.datasets.opening import open_files
from cape.datasets.readers.pdebench_scalar import ScalarReader


def crash(*_):
    os.kill(os.getpid(), signal.SIGSEGV)


def wait(*_):
    time.sleep(60)


def compute(*_):
    limit_time(0.1)
    while True:
        pass


def test_results_come_back_in_order_and_the_child_ends():
    with Child(lambda send: [send(n) for n in (1, "two", np.arange(3))]) as child:
        assert child.receive(5) == 1
        assert child.receive(5) == "two"
        assert child.receive(5).tolist() == [0, 1, 2]
    with pytest.raises(ProcessLookupError):
        os.kill(child.process, 0)


@pytest.mark.parametrize(
    ("task", "seconds", "why"), [(crash, 5, "crash"), (wait, 0.1, "too"), (compute, 9, "too")]
)
def test_a_child_that_ends_early_says_why(task, seconds, why):
    with pytest.raises(ChildEnded, match=why), Child(task) as child:
        child.receive(seconds)


def test_memory_of_a_child_is_limited(monkeypatch):
    monkeypatch.setattr(isolation, "MEMORY", 2**26)

    def allocate(send):
        try:
            send(np.ones(2**24).size)
        except MemoryError:
            send("no memory")

    with Child(allocate) as child:
        assert child.receive(5) == "no memory"


def test_a_file_that_crashes_the_library_is_named(tmp_path, monkeypatch):
    paths = [write_scalar(tmp_path / name, beta=1.0) for name in ("a.h5", "b.h5")]
    monkeypatch.setattr(ScalarReader, "open", lambda self, path: crash() if path == paths[1] else None)
    with pytest.raises(ValueError, match=r"b\.h5: damaged: reading it crashes$"):
        open_files(paths)
    monkeypatch.setattr(ScalarReader, "open", wait)
    monkeypatch.setattr(isolated_opening, "SECONDS", 0.1)
    with pytest.raises(ValueError, match=r"a\.h5: damaged: reading it takes too long; for files of your own"):
        open_files(paths)


def test_what_cannot_be_sent_is_opened_here(tmp_path, monkeypatch):
    path, u, processes = write_scalar(tmp_path / "a.h5", beta=1.0), scalar_field(), []
    original = ScalarReader.open

    def opened(self, path):
        processes.append(os.getpid())
        trajectories = original(self, path)
        object.__setattr__(trajectories.fields.views[0].store, "lock", lambda: None)
        return trajectories

    monkeypatch.setattr(ScalarReader, "open", opened)
    np.testing.assert_array_equal(open_files(path).read()[..., 0], u)
    assert processes == [os.getpid()]


def test_without_a_fork_files_are_tried_in_a_new_process(tmp_path, monkeypatch):
    monkeypatch.setattr(isolated_opening, "CAN_FORK", False)
    path = write_scalar(tmp_path / "a.h5", beta=1.0)
    np.testing.assert_array_equal(open_files(path).read()[..., 0], scalar_field())
    with pytest.raises(ValueError, match="a.h5: no parameter"):
        open_files(write_scalar(path, equation="advection"))
    monkeypatch.setattr(isolated_opening, "TRIAL", "import os; print(0, flush=True); os.abort()")
    with pytest.raises(ValueError, match="a.h5: damaged: reading it crashes"):
        open_files(path)
    monkeypatch.setattr(isolated_opening, "TRIAL", "import time; print(0, flush=True); time.sleep(60)")
    monkeypatch.setattr(isolated_opening, "SECONDS", 1.0)
    with pytest.raises(ValueError, match="a.h5: damaged: reading it takes too long"):
        open_files(path)


def test_files_with_many_objects_have_more_time(tmp_path, monkeypatch):
    path, original = write_scalar(tmp_path / "a.h5", beta=1.0), ScalarReader.open

    def slowly(self, path):
        time.sleep(1.0)
        return original(self, path)

    monkeypatch.setattr(ScalarReader, "open", slowly)
    monkeypatch.setattr(isolated_opening, "SECONDS", 0.5)
    with pytest.raises(ValueError, match="a.h5: damaged: reading it takes too long"):
        open_files(path)
    monkeypatch.setattr(isolated_opening, "SECONDS_PER_OBJECT", 10.0)
    assert open_files(path).samples == 6
