"""Make a corpus of damaged data files, pretrained folders and runs, and use each of them.

    python benchmarks/reliability/corpus.py

Every case must end in success or in an error of this package; trial.py says what that is. A part of the cases is used
through the command line as well: `cape inspect` for data files, `cape evaluate` for pretrained folders.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from corpus_files import damaged_files, structural
from corpus_folders import changed_folders, damaged_folders, damaged_runs
from reading import command
from stepping import prepared
from structure import scalar
from summary import report, summarise
from trial import Case, run

EVERY_FILE, EVERY_FOLDER = 12, 12  # of these, one is used through the command line


def cases(sources: Path, digests: dict[str, str]) -> Iterator[Case]:
    files = [*damaged_files(), *structural(3)]
    pretrained = [
        case for name, digest in digests.items() for case in damaged_folders(sources / name, digest)
    ]
    pretrained += changed_folders(sources / next(iter(digests)), 60)
    yield from files
    yield from pretrained
    yield from damaged_runs(sources / "run")
    yield from (_inspected(case) for case in files[::EVERY_FILE])
    yield from (_evaluated(case, sources) for case in pretrained[::EVERY_FOLDER])


def _inspected(case: Case) -> Case:
    return dataclasses.replace(case, name=f"cape inspect: {case.name}", use=_inspect, expected=None)


def _inspect(path: Path) -> str:
    return command("inspect", str(path), "--check-values")


def _evaluated(case: Case, sources: Path) -> Case:
    use = partial(_evaluate, sources)
    return dataclasses.replace(
        case, name=f"cape evaluate: {case.name}", use=use, expected=None, names_file=False
    )


def _evaluate(sources: Path, path: Path) -> str:
    data = sources / "data"
    if not data.exists():
        data.mkdir()
        scalar().write(data)
    return command(
        "evaluate", str(path), "--data", str(data), "--out", str(path.parent / "out"), "--no-figures"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="file for the summary, JSON lines")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder) / "sources"
        chosen = list(cases(sources, prepared(sources)))
        return report(summarise(run(chosen), len(chosen)), given.out)


if __name__ == "__main__":
    sys.exit(main())
