"""Measure whether long trainings need more memory than short ones, and whether data need to fit in memory.

    python benchmarks/reliability/memory.py length [--validate-every 1]
    python benchmarks/reliability/memory.py stream

`length` trains 20 times as many epochs as it takes until the first measurement, and prints memory and open files of the
process at both times. By default it saves its first checkpoint after that. `stream` trains for an epoch on one file of
four times the memory that the process may use (RLIMIT_DATA), with storage = "stream". The exit status is 0 only if the
memory stays bounded.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

COMMAND = [sys.executable, "-c", "import sys; from cape.commands.entry import main; sys.exit(main())"]
SMALL = ["train", "smoke", "--quiet", "--no-figures"]
FIRST, TIMES = 20, 20  # epochs until the first measurement, and how many times as many in all
MOST_GROWTH = 0.02  # MB an epoch
LIMIT = 1536 * 2**20  # bytes of data of the process
FRAMES, POINTS = 11, 1024
PIECE = 1024  # samples of the large file that are not zero


class Measured(NamedTuple):
    """What a process uses: its resident memory (swapped out or not) and its data in MB, and its open files."""

    resident: float
    data: float
    files: int


def measure(process: int) -> Measured:
    status = Path(f"/proc/{process}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    resident, swapped, data = (int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmSwap", "VmData"))
    return Measured(resident + swapped, data, len(os.listdir(f"/proc/{process}/fd")))


def epochs_in(run: Path) -> int:
    log = run / "metrics.jsonl"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def length(work: Path, every: int) -> bool:
    """Print memory and open files after FIRST epochs and after TIMES as many; return whether they are the same."""
    options = ["--training.epochs", str(FIRST * TIMES), "--training.validate-every", str(every)]
    options += ["--data.folder", str(work / "data"), "--out", str(work / "run")]
    process = subprocess.Popen([*COMMAND, *SMALL, *options], stdout=subprocess.DEVNULL)
    found: dict[int, list[Measured]] = {}
    while process.poll() is None:
        epochs = epochs_in(work / "run")
        if epochs and epochs < FIRST * TIMES - 1:  # the last one validates, which takes memory once
            found.setdefault(epochs, []).append(measure(process.pid))
        time.sleep(0.02)
    rows = {}
    print(f"{'epochs':>8}{'resident MB':>14}{'open files':>12}")
    for epochs in sorted(found):
        window = [each for near in range(epochs - 4, epochs + 1) for each in found.get(near, [])]
        rows[epochs] = Measured(
            float(np.median([each.resident for each in window])), 0.0, max(each.files for each in window)
        )
    for factor in (1, 2, 5, 10, TIMES):
        epochs = max((n for n in rows if n <= FIRST * factor), default=0)
        print(f"{epochs:8}{rows[epochs].resident:14.1f}{rows[epochs].files:12}")
    first, last = (rows[max(n for n in rows if n <= limit)] for limit in (FIRST, FIRST * TIMES))
    growth = (last.resident - first.resident) / (FIRST * (TIMES - 1))
    print(f"growth: {1000 * growth:.1f} kB an epoch, {last.files - first.files:+} open files")
    return process.returncode == 0 and growth < MOST_GROWTH and last.files <= first.files + 2


def large_file(path: Path, size: int) -> None:
    """Write a file of so many bytes, of which few take space on the disk: advected waves, then zeros."""
    samples = size // (4 * FRAMES * POINTS)
    random = np.random.default_rng(0)
    x, t = (np.arange(POINTS) + 0.5) / POINTS, 0.05 * np.arange(FRAMES)
    beta = random.uniform(0.5, 2.0, samples)
    with h5py.File(path, "w") as file:
        file.attrs.update({"equation": "advection", "boundary": "periodic", "parameters": ["beta"]})
        file["beta"], file["x-coordinate"] = beta, x.astype(np.float32)
        file["t-coordinate"] = 0.05 * np.arange(FRAMES + 1, dtype=np.float32)
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        settings.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        field = file.create_dataset("tensor", (samples, FRAMES, POINTS), np.float32, dcpl=settings)
        written = np.arange(0, samples, max(samples // PIECE, 1))
        for sample in written:
            phase = 2 * np.pi * random.uniform()
            field[sample] = np.sin(2 * np.pi * (x - beta[sample] * t[:, None]) + phase)


def stream(work: Path) -> bool:
    """Train on a file of four times the memory that is allowed; return whether the training ended well."""
    file = work / "large.hdf5"
    large_file(file, 4 * LIMIT)
    options = [
        "--data.files",
        str(file),
        "--data.held-out",
        "--data.time-stride",
        "1",
        "--data.space-stride",
        "32",
    ]
    options += ["--data.validation", "0.01", "--data.test", "0.01", "--training.storage", "stream"]
    options += ["--training.batch", "512", "--training.epochs", "1", "--training.warmup-epochs", "0"]
    process = subprocess.Popen(
        [*COMMAND, *SMALL, *options, "--out", str(work / "run")],
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT)),
    )
    most, began = Measured(0.0, 0.0, 0), time.monotonic()
    while process.poll() is None:
        try:
            found = measure(process.pid)
        except (OSError, KeyError):  # it is ending
            continue
        most = Measured(*map(max, most, found))
        time.sleep(0.05)
    print(
        f"file {file.stat().st_size / 2**20:.0f} MB, limit of data {LIMIT / 2**20:.0f} MB: the process used at most "
        f"{most.data:.0f} MB of data ({most.resident:.0f} MB resident), ended with {process.returncode} after "
        f"{time.monotonic() - began:.0f} s"
    )
    return process.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["length", "stream"])
    parser.add_argument("--validate-every", type=int, default=FIRST * TIMES, help="epochs (length)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cape-memory-", ignore_cleanup_errors=True) as work:
        bounded = (
            length(Path(work), options.validate_every) if options.what == "length" else stream(Path(work))
        )
    return int(not bounded)


if __name__ == "__main__":
    sys.exit(main())
