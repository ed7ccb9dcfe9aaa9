"""Streamed training data: the wait for them is measured, and they take the memory of a few batches."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jax.numpy as jnp
import pytest

from cape.training.objective import Losses
from cape.training.running_epoch import RunningEpoch
from cape.training.update import Measures

ZERO = jnp.float32(0)
MEASURES = Measures(Losses(ZERO, ZERO, ZERO), ZERO, ZERO)


def waiting(reading: float, updating: float, *, streamed: bool = True) -> dict[str, float]:
    """Return the record of an epoch of ten updates with these seconds for each batch and each update."""

    def batches():
        while True:
            time.sleep(reading)
            yield jnp.zeros((2, 3, 4, 1)), jnp.zeros((2, 1))

    running, source = RunningEpoch(10, 8, jnp.float32, streamed=streamed), batches()
    running.begin()
    for _ in range(10):
        running.take(source)
        time.sleep(updating)
        running.add(MEASURES, steps=2)
    return running.means()


def test_the_share_of_the_time_that_a_training_waits_for_batches():
    assert waiting(reading=0.03, updating=0.01)["waiting"] > 0.6
    assert waiting(reading=0.0, updating=0.03)["waiting"] < 0.1
    assert "waiting" not in waiting(reading=0.0, updating=0.0, streamed=False)


@pytest.mark.slow
def test_a_set_of_four_times_the_memory_is_trained_on_as_if_it_were_resident(tmp_path):
    few, many, resident = (
        _trained(tmp_path, *case) for case in ((16, "stream"), (512, "stream"), (512, "device"))
    )
    assert many["weights"] == resident["weights"]  # bitwise
    assert many["megabytes"] - few["megabytes"] < many["set"] / 4
    assert resident["megabytes"] - few["megabytes"] > many["set"]


def _trained(folder: Path, samples: int, storage: str) -> dict:
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests), *sys.path])
    command = [sys.executable, str(tests / "little_memory.py"), str(folder), str(samples), storage]
    for _ in range(2):  # the first one may write the file
        found = subprocess.run(
            command, env=os.environ | {"PYTHONPATH": path}, check=False, capture_output=True, text=True
        )
        assert found.returncode == 0, found.stderr
    return json.loads(found.stdout.splitlines()[-1])
