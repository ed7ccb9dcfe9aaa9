"""Compare the time of `cape inspect` in two environments, in alternating runs.

python benchmarks/reliability/inspect_time.py OLD/bin/cape NEW/bin/cape --runs 9
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from structure import Structure, samples, scalar


def many_groups(count: int = 1000) -> Structure:
    """Return a file with a group per sample, each with another parameter."""
    one, many = samples(), Structure("2D_rdb_NA_NA.h5", {})
    for i in range(count):
        for name, item in one.items.items():
            if name.startswith("0000/"):
                many.items[f"{i:04d}/{name.partition('/')[2]}"] = item
        config = one.attributes["0000"]["config"]
        many.attributes[f"{i:04d}"] = {"config": config.replace("0.3", f"{0.3 + 1e-4 * i:.4f}")}
    return many


def seconds(command: list[str]) -> tuple[float, float]:
    """Run a command; return its processor time, with that of its children, and its wall-clock time."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commands", nargs=2, help="the program `cape` of both environments")
    parser.add_argument("--runs", type=int, default=9)
    given = parser.parse_args()
    print(f"{'file':24}{'processor, old':>16}{'new':>8}{'wall clock, old':>18}{'new':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for structure in (scalar(), many_groups()):
            path = structure.write(Path(folder))
            times = [
                [seconds([command, "inspect", str(path)]) for command in given.commands]
                for _ in range(given.runs)
            ]
            old, new = ([statistics.median(run[i][j] for run in times) for j in (0, 1)] for i in (0, 1))
            what = f"{len(structure.items)} datasets"
            print(f"{what:24}{old[0]:>14.2f} s{new[0]:>6.2f} s{old[1]:>16.2f} s{new[1]:>6.2f} s")


if __name__ == "__main__":
    main()
