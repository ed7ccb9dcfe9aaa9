"""The progress of a training: texts, the time left, and where they are shown."""

import io
import math
import sys
from types import SimpleNamespace

import pytest

from cape.training import notebook
from cape.training.phases import Phases
from cape.training.progress import Progress, percent
from cape.training.time_left import TimeLeft, duration

UPDATES = 10  # in an epoch


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds


class Terminal(io.StringIO):
    def isatty(self):
        return True


def phases(epochs=4, warmup_epochs=0):
    return Phases(None, None, warmup_epochs, epochs, UPDATES)


def train(progress, clock, epochs, *, compilation=5.0, update=1.0, validation=3.0):
    """Run through epochs as `fit` does; the first update and the first validation compile."""
    for epoch in epochs:
        progress.begin_epoch(epoch)
        for number in range(UPDATES):
            clock.wait(compilation if (epoch, number) == (0, 0) else update)
            progress.update()
        progress.end_updates()
        clock.wait(validation + (compilation if epoch == 0 else 0.0))
        progress.end_epoch({"loss": 0.1234, "validation_error": 0.045})


def test_the_text_tells_epoch_errors_and_the_time_left():
    clock, stream = Clock(), io.StringIO()
    progress = Progress(phases(), 1, 0, stream=stream, clock=clock)
    progress.begin_epoch(0)
    assert progress.text == "epoch 1/4"  # neither loss nor time are known
    train(progress, clock, [0])
    assert progress.text == "epoch 1/4, loss 0.123, validation 4.5 %, 0:30 left"  # 30 updates of 1 s
    train(progress, clock, [1])
    progress.begin_epoch(2)
    # 20 updates of 1 s, and two validations of 3 s without the compilation of the first one
    assert progress.text == "epoch 3/4, loss 0.123, validation 4.5 %, 0:26 left"
    train(progress, clock, [2, 3])
    assert progress.text == "epoch 4/4, loss 0.123, validation 4.5 %"
    progress.close()
    assert (
        stream.getvalue().splitlines()
        == [
            "epoch 1/4, loss 0.123, validation 4.5 %, 0:30 left",
            "epoch 2/4, loss 0.123, validation 4.5 %, 0:20 left",  # one validation without compilation is not over yet
            "epoch 3/4, loss 0.123, validation 4.5 %, 0:13 left",
            "epoch 4/4, loss 0.123, validation 4.5 %",
        ]
    )


def test_the_warm_up_promises_no_time_and_validates_nothing():
    clock = Clock()
    progress = Progress(phases(warmup_epochs=1), 1, 0, stream=io.StringIO(), clock=clock)
    progress.begin_epoch(0)
    for _ in range(UPDATES):
        clock.wait(1.0)
        progress.update()
    progress.end_updates()
    progress.end_epoch({"loss": 2.0})
    assert progress.text == "epoch 1/4 (warm-up), loss 2"
    progress.begin_epoch(1)
    for seconds in (8.0, 2.0):  # the first update of the phase compiles
        clock.wait(seconds)
        progress.update()
    assert progress.text == "epoch 2/4, loss 2, 0:56 left"


def test_a_resumed_training_counts_the_remaining_updates_only():
    clock = Clock()
    progress = Progress(phases(), 1, 34, stream=io.StringIO(), clock=clock)
    progress.begin_epoch(3)
    for _ in range(3):
        clock.wait(2.0)
        progress.update()
    assert progress.text == "epoch 4/4, 0:06 left"


def test_lines_of_short_epochs_are_few_and_the_last_one_is_there():
    clock, stream = Clock(), io.StringIO()
    progress = Progress(phases(epochs=100), 1, 0, stream=stream, clock=clock)
    train(progress, clock, range(100), compilation=0.1, update=0.01, validation=0.4)
    lines = stream.getvalue().splitlines()
    assert len(lines) <= 7
    assert lines[0].startswith("epoch 1/100, ") and lines[-1] == "epoch 100/100, loss 0.123, validation 4.5 %"


def test_a_terminal_has_a_bar_with_the_text():
    clock, stream = Clock(), Terminal()
    progress = Progress(phases(), 1, 0, stream=stream, clock=clock)
    train(progress, clock, range(4))
    progress.close()
    text = stream.getvalue()
    assert "epoch 4/4, loss 0.123, validation 4.5 % |" in text and "40/40 updates" in text
    assert "nan" not in text and "inf" not in text


def test_nothing_is_shown_unless_asked_for():
    stream = Terminal()
    train(Progress(phases(), 1, 0, shown=False, stream=stream), Clock(), range(4))
    assert stream.getvalue() == ""


def test_the_time_of_an_update_follows_the_latest_epochs():
    clock = Clock()
    left = TimeLeft(clock)
    assert left.seconds(10, 1) is None
    for update in (1.0, 3.0, 3.0, 3.0):
        left.begin_epoch()
        for _ in range(10):
            clock.wait(update)
            left.update()
        left.end_epoch(validation=False)
    assert 2.5 < left.seconds(1, 5) < 3.0


@pytest.mark.parametrize(
    ("error", "text"),
    [(0.045, "4.5 %"), (0.994, "99 %"), (1.5, "150 %"), (0.00123, "0.12 %"), (math.inf, "not finite")],
)
def test_errors_as_percent(error, text):
    assert percent(error) == text


def test_durations():
    assert [duration(s) for s in (0.4, 40, 725, 3723)] == ["0:00", "0:40", "12:05", "1:02:03"]


def test_a_notebook_is_recognised_by_its_kernel(monkeypatch):
    assert not notebook.in_notebook() and notebook.live_trackers(True) == ()
    monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not notebook.in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=object))
    assert notebook.in_notebook() and notebook.live_trackers(False) == ()
    pytest.importorskip("matplotlib")
    assert notebook.live_trackers(True) == ("notebook",)
