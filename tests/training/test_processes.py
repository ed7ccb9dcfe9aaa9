"""Several processes: the training of one process, and an end in bounded time if one of them is killed."""

import os
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from small_trainings import train, weights
from two_processes import free_port, settings, start

from cape.training import processes
from cape.training.log import read

TOLERANCE = 1e-5  # relative
ENDS_WITHIN = 2.5 * processes.HEARTBEAT_TIMEOUT


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("somewhere", 2, 0), r"--coordinator: expected HOST:PORT of process 0, or auto, got 'somewhere'"),
        (("host:1234", 0, -1), r"expected the number of processes and an index below it, got 0 and -1"),
        (("host:1234", 2, 2), r"expected the number of processes and an index below it, got 2 and 2"),
        (("", 2, 1), r"--coordinator: expected HOST:PORT of process 0, as there are several processes"),
    ],
)
def test_processes_that_cannot_be_connected_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        processes.connect(*arguments)


CONNECT = """
import sys
from cape.training import processes
processes._CONNECTION_TIMEOUT = 2
processes.connect(sys.argv[1], 2, int(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("index", ["0", "1"])
def test_a_process_that_finds_no_other_ends_with_one_line(index):
    found = subprocess.run(
        [sys.executable, "-c", CONNECT, f"localhost:{free_port()}", index],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert found.returncode == 1
    (line,) = found.stderr.splitlines()
    assert f"process {index}, and 1 more, cannot be connected" in line and "check the address" in line


def test_a_port_in_use_is_refused():
    with socket.socket() as used:
        used.bind(("", 0))
        used.listen()
        port = used.getsockname()[1]
        with pytest.raises(RuntimeError, match=rf"port {port} of this machine cannot be used"):
            processes.connect(f"localhost:{port}", 2, 0)


def test_one_process_connects_with_nobody_and_agrees_with_itself(tmp_path):
    processes.connect("", 0, -1)
    assert processes.count() == 1 and processes.first()
    assert processes.largest([3, 0]) == [3, 0]
    with processes.together():
        processes.check_equal({"data": "a"})
    with pytest.raises(KeyError), processes.together():
        raise KeyError("x")


def test_another_version_in_another_process_is_named(monkeypatch):
    monkeypatch.setattr(processes, "count", lambda: 2)
    monkeypatch.setattr(processes, "texts", lambda text: [text, text.replace("0.10", "0.11")])
    with pytest.raises(
        ValueError,
        match=r"version of jax: 0.10 in process 0, and 0.11 in process 1; all processes need the same",
    ):
        processes.check_equal({"version of numpy": "2.0", "version of jax": "0.10"})


@pytest.fixture(scope="module")
def alone(compiled_once, tmp_path_factory):
    """The training in one process on one device: (surrogate, folder)."""
    folder = tmp_path_factory.mktemp("alone")
    with jax.numpy_dtype_promotion("standard"):
        return train(settings()[0], folder, settings()[1]), folder


def assert_same_training(found, folder, alone):
    trained, reference = alone
    for name, expected in weights(trained).items():
        assert np.linalg.norm(found[name] - expected) < TOLERANCE * np.linalg.norm(expected), name
    losses, expected = ([r["loss"] for r in read(each / "metrics.jsonl")] for each in (folder, reference))
    np.testing.assert_allclose(losses, expected, rtol=TOLERANCE)


@pytest.mark.slow
def test_two_processes_of_two_devices_train_as_one_device(alone, compiled_programs, tmp_path):
    for process in start(tmp_path, compiled_programs):
        output = process.communicate(timeout=300)[0]
        assert process.returncode == 0, output
    assert_same_training(np.load(tmp_path / "weights.npz"), tmp_path, alone)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoints",
        "metrics.jsonl",
        "model",
        "weights.npz",
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("standard_promotion")
def test_two_processes_train_an_ensemble_as_one_device(compiled_programs, tmp_path):
    folder, reference = tmp_path / "two", tmp_path / "alone"
    folder.mkdir()
    running = start(folder, compiled_programs, members=2)
    config, model = settings(members=2)
    alone = train(config, reference, model), reference
    for process in running:
        output = process.communicate(timeout=300)[0]
        assert process.returncode == 0, output
    assert_same_training(np.load(folder / "weights.npz"), folder, alone)


@pytest.mark.slow
@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.parametrize("killed", [0, 1])
def test_if_one_process_is_killed_the_other_ends_and_one_process_continues(
    alone, compiled_programs, tmp_path, killed
):
    running = start(tmp_path, compiled_programs)
    until = time.monotonic() + 200
    while not any(int(path.name) >= 12 for path in tmp_path.glob("checkpoints/[0-9]*")):
        assert time.monotonic() < until and running[0].poll() is None, running[0].communicate()[0]
        time.sleep(0.002)
    running[killed].kill()
    began = time.monotonic()
    output = running[1 - killed].communicate(timeout=200)[0]
    assert time.monotonic() - began < ENDS_WITHIN
    assert running[1 - killed].returncode != 0
    assert "another task died" in output or "has ended" in output
    running[killed].communicate()
    assert len(read(tmp_path / "metrics.jsonl")) < 12  # it was not too late
    with pytest.warns(UserWarning, match="number of devices: 4 and 1"):
        continued = train(settings()[0], tmp_path, settings()[1])
    assert_same_training(weights(continued), tmp_path, alone)
