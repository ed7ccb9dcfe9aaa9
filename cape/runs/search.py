"""Search for runs: the summaries of all runs in folders, and a line for each folder that holds none."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cape.runs.summary import NotARun, RunSummary, read_summary
from cape.training.run_folder import CONFIG

_DEEPEST = 3  # levels of folders that are searched


class Found(NamedTuple):
    """The runs that were found, and lines on folders that were skipped."""

    runs: tuple[RunSummary, ...]
    skipped: tuple[str, ...]


def find_runs(folders: Sequence[str | Path]) -> Found:
    """Read the summaries of runs. Each folder is a run, or is searched for runs. Damaged and other folders are skipped.

    Raises:
        ValueError: a folder does not exist.
    """
    runs, skipped = {}, []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise ValueError(
                f"{folder}: no such folder; expected the folder of a run, or one with runs in it"
            )
        candidates = [folder] if (folder / CONFIG).is_file() else sorted(_candidates(folder, 1))
        for candidate in candidates:
            try:
                runs[candidate.resolve()] = read_summary(candidate)
            except (NotARun, ValueError, OSError) as error:
                skipped.append(str(error))
    return Found(tuple(runs.values()), tuple(skipped))


def _candidates(folder: Path, level: int) -> Iterator[Path]:
    """Yield the runs below a folder, and the folders directly in the first one that hold none."""
    for child in folder.iterdir():
        if child.name.startswith(".") or not child.is_dir():
            continue
        if (child / CONFIG).is_file():
            yield child
            continue
        below = list(_candidates(child, level + 1)) if level < _DEEPEST else []
        yield from below
        if not below and level == 1:
            yield child
