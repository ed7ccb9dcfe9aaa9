"""`cape train` in two processes: a mistake ends both, with one line from the first."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from command_line import QUIET
from two_processes import free_port

CAPE = "from cape.commands.entry import main; raise SystemExit(main())"
WITHIN = 200  # seconds, on a machine that is busy with other tests


def trained_by_two(tiny: Path, *options: list[str]) -> tuple[list[int], list[str]]:
    """Run `cape train` in two processes of two devices; return their statuses and the first one's lines of errors."""
    environment = os.environ | {
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    common = ["train", str(tiny / "tiny.toml"), "--out", str(tiny / "two"), *QUIET]
    common += ["--coordinator", f"localhost:{free_port()}", "--processes", "2", "--process-index"]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", CAPE, *common, str(index), *more],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index, more in enumerate(options)
    ]
    errors = [process.communicate(timeout=WITHIN)[1] for process in running]
    assert "cape train:" not in errors[1]
    lines = [line for line in errors[0].splitlines() if line.startswith("cape train:")]
    return [process.returncode for process in running], lines


def with_other_values(folder: str, to: Path) -> str:
    """Copy a folder of data and change the values in one file."""
    shutil.copytree(folder, to)
    with h5py.File(next(iter(sorted(to.glob("*.hdf5")))), "r+") as file:
        file["tensor"][:, 0] += 1.0
    return str(to)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("batch", "all 4 devices of the 2 processes take part, got 2 parts of a batch of 6 x 1 of space"),
        (
            "space",
            "training.mesh.space: 2 parts of the first axis of space: expected a grid of two or three axes",
        ),
        ("members", "training.mesh.members: members are divided in one process, expected 0 or 1 in several"),
        ("no data", "process 1 of 2: .*elsewhere: no such file"),
        (
            "other data",
            "digest of the training data: .* in process 0, and .* in process 1; all processes need the",
        ),
        ("other settings", "training.seed: 0 in process 0, and 1 in process 1; all processes need the same"),
    ],
)
def test_a_mistake_ends_all_processes_with_one_line(tiny, data, tmp_path, mistake, message):
    here = ["--data.files", data]
    options = {
        "batch": [["--training.batch", "6"]] * 2,
        "space": [["--training.mesh.space", "2"]] * 2,
        "members": [["--model.members", "2", "--training.mesh.members", "2"]] * 2,
        "no data": [here, ["--data.files", str(tmp_path / "elsewhere")]],
        "other data": [here, ["--data.files", with_other_values(data, tmp_path / "other")]],
        "other settings": [[], ["--training.seed", "1"]],
    }[mistake]
    statuses, lines = trained_by_two(tiny, *options)
    assert statuses == [1, 1]
    assert len(lines) == 1 and re.search(message, lines[0]), lines
