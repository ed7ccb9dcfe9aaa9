"""A training that is killed inside an epoch: the next one gives bitwise the weights of an uninterrupted training."""

import dataclasses
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_trainings import CONFIG, assert_same_weights, train

from cape.training.log import read

OFTEN = dataclasses.replace(CONFIG, checkpoint_minutes=1e-9)
TRAIN = """
import sys
from pathlib import Path
from cape.commands.session import prepare_jax
from test_killed import OFTEN, train
prepare_jax()
train(OFTEN, Path(sys.argv[1]))
"""


@pytest.mark.thorough
@pytest.mark.usefixtures("standard_promotion")
def test_a_killed_training_is_resumed_bitwise_and_leaves_nothing_behind(complete, tmp_path):
    folder = tmp_path / "run"
    tests = Path(__file__).parents[1]
    paths = os.pathsep.join([str(tests), str(Path(__file__).parent), *sys.path])
    process = subprocess.Popen([sys.executable, "-c", TRAIN, folder], env=os.environ | {"PYTHONPATH": paths})
    until = time.monotonic() + 120
    while (
        not (folder / "checkpoints" / "14").exists() and process.poll() is None and time.monotonic() < until
    ):
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -9
    # a process may also be killed while it removes a folder that it has replaced
    replaced = f".12.{platform.node().partition('.')[0]}-{process.pid}.0.partial.old"
    (folder / "checkpoints" / replaced / "default").mkdir(parents=True)
    before = read(folder / "metrics.jsonl")
    assert 3 <= len(before) < CONFIG.epochs
    assert_same_weights(train(CONFIG, folder), complete[0])
    records, whole = (read(path / "metrics.jsonl") for path in (folder, complete[1]))
    assert records[:3] == before[:3]
    assert [record | {"seconds": 0} for record in records] == [record | {"seconds": 0} for record in whole]
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoints", "metrics.jsonl", "model"]
    checkpoints = [path.name for path in (folder / "checkpoints").iterdir()]
    assert len(checkpoints) == 2
    assert "48" in checkpoints
