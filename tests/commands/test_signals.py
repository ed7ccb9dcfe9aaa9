"""Signals: SIGINT and SIGTERM end commands with one line and their own status, whatever they do."""

import signal
import subprocess
import sys
import time

import pytest

from cape.commands.signals import Signalled

CAPE = "import sys; from cape.commands.entry import main; sys.exit(main())"
# A program that handles signals, is then at work, and takes a minute to clean up.
STUBBORN = """
import sys, time
from cape.commands.signals import SignalHandlers
handlers = SignalHandlers("cape simulate")
handlers.install()
try:
    print("ready", flush=True)
    time.sleep(60)
finally:
    print("cleaning", flush=True)
    time.sleep(60)
"""
# A module that swallows what is raised while it is imported.
SWALLOWS = """
import time
try:
    print("ready", flush=True)
    time.sleep(60)
except BaseException:
    time.sleep(60)
"""


def started(*command, **settings):
    """Start a program and wait until it prints "ready"."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", *command], **pipes, **settings)
    assert process.stdout.readline() == "ready\n", process.communicate()
    return process


def lines_after(process, *signals):
    for each in signals:
        process.send_signal(each)
    _, errors = process.communicate(timeout=30)
    return [line for line in errors.splitlines() if line]


@pytest.mark.parametrize(
    ("number", "status", "line"),
    [
        (signal.SIGINT, 130, "cape inspect: interrupted"),
        (signal.SIGTERM, 143, "cape inspect: ended by SIGTERM"),
    ],
)
def test_a_signal_while_importing_is_not_swallowed(number, status, line, tmp_path):
    (tmp_path / "swallows.py").write_text(SWALLOWS)
    process = started(CAPE, "inspect", "--import", "swallows", "a.hdf5", cwd=tmp_path)
    assert lines_after(process, number) == [line]
    assert process.returncode == status


def test_a_second_ctrl_c_leaves_at_once():
    process = started(STUBBORN)
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "cleaning\n"
    began = time.monotonic()
    assert lines_after(process, signal.SIGINT) == ["cape simulate: left at a second Ctrl-C"]
    assert process.returncode == 130
    assert time.monotonic() - began < 10


def test_the_lines_say_what_continues():
    assert Signalled().line("cape train") == "cape train: interrupted; the same command continues the run"
    assert Signalled(signal.SIGTERM).line("cape predict") == "cape predict: ended by SIGTERM"
    assert (Signalled().status, Signalled(signal.SIGTERM).status) == (130, 143)


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_a_signal_in_a_simulation_leaves_nothing_behind(number, tmp_path):
    options = [
        "--parameter",
        "Nu=loguniform:1e-3:1",
        "--samples",
        "4000",
        "--out",
        str(tmp_path / "data"),
        "--quiet",
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", CAPE, "simulate", "burgers", *options], **pipes)
    until = time.monotonic() + 60
    while not list(tmp_path.glob("data/.*partial*")) and time.monotonic() < until:
        time.sleep(0.01)
    (line,) = lines_after(process, number)
    assert line.startswith("cape simulate: ")
    assert process.returncode == 128 + number
    assert list(tmp_path.rglob("*")) in ([], [tmp_path / "data"])  # the empty folder if it was importing
