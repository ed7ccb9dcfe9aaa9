"""Interruptions: a signal is noted, the state is saved inside the epoch, and the run continues bitwise."""

import dataclasses
import functools
import signal
import threading

import pytest
from small_trainings import CONFIG, assert_same_weights, train

from cape.cli import COMMANDS, main
from cape.training import attempt as fitting
from cape.training.interruption import Interrupted, Interruption, Terminated
from cape.training.log import read
from cape.training.sampling import Weighted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def handlers_restored():
    before = [signal.getsignal(each) for each in SIGNALS]
    yield
    assert [signal.getsignal(each) for each in SIGNALS] == before


def signal_at(monkeypatch, update, *signals):
    """Send signals while update number `update` of the next trainings runs, counted from 1 over both phases."""
    calls = []

    def counted(original, *arguments):
        calls.append(1)
        if len(calls) == update:
            for each in signals:
                signal.raise_signal(each)
        return original(*arguments)

    for name in ("update", "warm_up_update"):
        monkeypatch.setattr(fitting, name, functools.partial(counted, getattr(fitting, name)))


def test_signals_are_noted_and_the_handlers_restored():
    with Interruption() as interruption:
        assert not interruption.requested
        signal.raise_signal(signal.SIGTERM)
        assert interruption.requested
        with pytest.raises(Terminated) as stopped:
            interruption.stop("stopped")
        assert stopped.value.code == 143
        interruption._noted = None  # it was acted on


def test_a_second_ctrl_c_acts_at_once():
    with pytest.raises(KeyboardInterrupt) as error, Interruption():
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(each)
    assert not isinstance(error.value, Interrupted)


def test_a_signal_that_came_too_late_acts_at_the_end():
    with pytest.raises(KeyboardInterrupt), Interruption():
        signal.raise_signal(signal.SIGINT)


def test_other_threads_and_ignored_signals_are_left_alone():
    before = signal.getsignal(signal.SIGTERM)

    def enter():
        with Interruption():
            assert signal.getsignal(signal.SIGTERM) == before

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    with Interruption(active=False):
        assert signal.getsignal(signal.SIGTERM) == before
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            signal.raise_signal(signal.SIGINT)
            assert not interruption.requested
    finally:
        signal.signal(signal.SIGINT, previous)


@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        (Interrupted(), 130, ""),
        (Terminated(), 143, ""),
        (KeyboardInterrupt(), 130, "cape train: interrupted; the same command continues the run"),
    ],
)
def test_the_command_line_ends_with_the_status_of_the_signal(raised, status, line, monkeypatch, capsys):
    def stop(_):
        raise raised

    monkeypatch.setitem(COMMANDS, "train", stop)
    assert main(["train"]) == status
    assert capsys.readouterr().err.strip() == line


@pytest.mark.usefixtures("standard_promotion", "compiled_once")
class TestTraining:
    @pytest.mark.parametrize(
        ("number", "raised"), [(signal.SIGINT, Interrupted), (signal.SIGTERM, Terminated)]
    )
    def test_it_stops_with_one_line_and_an_exception(self, number, raised, tmp_path, monkeypatch, capsys):
        signal_at(monkeypatch, 14, number)
        with pytest.raises(raised):
            train(folder=tmp_path)
        assert capsys.readouterr().err.splitlines() == [
            f"{tmp_path}: stopped after update 14 (epoch 4, training), by {number.name}; its state is saved, and the "
            "same command continues it"
        ]

    @pytest.mark.parametrize(
        ("update", "changes"),
        [
            pytest.param(1, {}, marks=pytest.mark.slow),  # so begins the test of all updates
            pytest.param(12, {}, marks=pytest.mark.thorough),
            pytest.param(48, {}, marks=pytest.mark.slow),
            pytest.param(
                14,
                {"epochs": 6, "validate_every": 1000, "storage": "stream", "ema": 0.5},
                marks=pytest.mark.thorough,
            ),
            pytest.param(15, {"epochs": 6, "sampling": Weighted()}, marks=pytest.mark.thorough),
        ],
        ids=["first", "end of an epoch", "last", "streamed", "sampled"],
    )
    def test_a_resumed_training_is_the_same_bitwise(self, update, changes, tmp_path, monkeypatch, complete):
        config = dataclasses.replace(CONFIG, **changes)
        whole = train(config, tmp_path / "whole") if changes else complete[0]
        with monkeypatch.context() as patched, pytest.raises(Interrupted):
            signal_at(patched, update, signal.SIGINT)
            train(config, tmp_path / "stopped")
        before = read(tmp_path / "stopped" / "metrics.jsonl")
        assert len(before) == (update - 1) // 4
        assert_same_weights(train(config, tmp_path / "stopped"), whole)
        records = read(tmp_path / "stopped" / "metrics.jsonl")
        assert records[: len(before)] == before
        expected = read((tmp_path / "whole" if changes else complete[1]) / "metrics.jsonl")
        untimed = {"seconds": 0, "waiting": 0}
        assert [record | untimed for record in records] == [record | untimed for record in expected]

    @pytest.mark.thorough
    def test_a_training_may_be_stopped_at_every_update(self, tmp_path, monkeypatch, complete):
        for updates in (1, 2, 3, 4, 5):
            with (
                monkeypatch.context() as patched,
                pytest.raises(Interrupted, match=f"after update {updates} "),
            ):
                signal_at(patched, 1, signal.SIGINT)
                train(folder=tmp_path)
        assert_same_weights(train(folder=tmp_path), complete[0])

    def test_without_a_folder_signals_act_as_always(self, monkeypatch):
        signal_at(monkeypatch, 2, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt) as error:
            train()
        assert not isinstance(error.value, Interrupted)

    def test_a_second_ctrl_c_does_not_wait_for_the_update(self, tmp_path, monkeypatch):
        signal_at(monkeypatch, 6, signal.SIGINT, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt) as error:
            train(folder=tmp_path)
        assert not isinstance(error.value, Interrupted)
        assert not (tmp_path / "run.lock").exists()
