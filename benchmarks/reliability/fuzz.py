"""Mutate the structures of data files and pretrained folders at random, and use each of them.

    python benchmarks/reliability/fuzz.py --cases 500 --seed 0

Three of four cases are data files of all layouts, the others pretrained folders. Every case must end in success or in
an error of this package; trial.py says what that is. A case is repeated by its number: --first 1234 --cases 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import folders
import mutations
from reading import read_all
from summary import report, summarise
from trial import Case, run

PER_SEED = 10**8


def file_case(number: int) -> Case:
    return Case(f"file: {number}", partial(mutations.mutated, number), read_all)


def cases(count: int, seed: int, first: int, sources: list[Path]) -> Iterator[Case]:
    """Yield cases; the numbers of two seeds differ."""
    from stepping import step

    for index in range(first, first + count):
        number = seed * PER_SEED + index
        if index % 4 < 3:
            yield file_case(number)
        else:
            source = sources[index // 4 % len(sources)]
            yield Case(f"folder: {number}", partial(folders.mutated, number, source=source), step)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=500, help="number of cases; 20000 in a long run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--files-only", action="store_true", help="no pretrained folders, which need JAX")
    parser.add_argument("--out", type=Path, help="file for the summary, JSON lines")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.files_only:
            numbers = range(given.first, given.first + given.cases)
            chosen = [file_case(given.seed * PER_SEED + number) for number in numbers]
        else:
            from stepping import prepared

            sources = [Path(folder) / name for name in prepared(Path(folder))]
            chosen = list(cases(given.cases, given.seed, given.first, sources))
        return report(summarise(run(chosen), len(chosen)), given.out)


if __name__ == "__main__":
    sys.exit(main())
