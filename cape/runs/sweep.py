"""Sweeps: the runs of a grid of settings, one after another, in one folder."""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

from cape.atomic import write_text
from cape.config import from_dict, to_dict
from cape.datasets import lock
from cape.datasets.bounded_text import read_json
from cape.experiment import Experiment, run
from cape.runs.grid import Grid, combinations
from cape.runs.search import find_runs
from cape.runs.summary import RunSummary
from cape.training.divergence import Diverged
from cape.training.run_folder import CONFIG, differing_settings

FILE = "sweep.json"
_WAITS, _WAIT = 50, 0.2  # attempts to claim a folder, and seconds between them


class SweepResult(NamedTuple):
    """The runs of a sweep, and the messages of those that failed, by name."""

    runs: tuple[RunSummary, ...]
    failed: Mapping[str, str]


def sweep(
    experiment: Experiment, grid: Grid, folder: str | Path, *, progress: bool = True, figures: bool = True
) -> SweepResult:
    """Run every combination of settings in `folder`, each in a folder of its own, as `cape.experiment.run` does.

    Called again with the same arguments, skip finished runs and continue the one that was stopped. A run that fails is
    reported on stderr, and the next one begins.

    Args:
        experiment: all other settings.
        grid: values by the full name of a setting, such as {"training.seed": (0, 1)} (see `read_grid`).
        folder: of the sweep; `sweep.json` in it holds the grid.
        progress: print the name of each run, and show its progress.
        figures: draw the figures of each run.

    Raises:
        ValueError: a setting is unknown or a value does not fit, or the folder holds another sweep or something else.
        FolderInUse: the same sweep runs in another process.
    """
    folder, experiments = Path(folder), combinations(experiment, grid)
    with lock.locked(folder):
        _claim(folder, experiment, grid)
        failed = {}
        for number, (name, each) in enumerate(experiments.items(), 1):
            finished = _is_finished(folder / name)
            if progress:
                print(f"run {number} of {len(experiments)}, {name}{': finished before' if finished else ''}")
            if finished:
                continue
            try:
                run(each, folder / name, progress=progress, figures=figures)
            except (ValueError, Diverged) as error:
                failed[name] = str(error)
                print(f"{name} failed: {error}", file=sys.stderr)
            jax.clear_caches()  # every run has programs of its own
        return SweepResult(find_runs([folder]).runs, failed)


def sweep_one(
    experiment: Experiment,
    grid: Grid,
    index: int,
    folder: str | Path,
    *,
    progress: bool = True,
    figures: bool = True,
) -> Path:
    """Run one combination of a sweep, and return the folder of the run. A finished run is left as it is.

    Several processes may run other combinations of the same sweep at the same time, such as the tasks of a job array.

    Args:
        experiment, grid, folder, progress, figures: see `sweep`.
        index: of the combination, counted from 0, in the order of `sweep`.

    Raises:
        ValueError: there is no such combination; or see `sweep`, whose failed runs raise their errors here.
        FolderInUse: the run is trained in another process, or `sweep` runs in the folder.
    """
    folder, experiments = Path(folder), combinations(experiment, grid)
    if not 0 <= index < len(experiments):
        raise ValueError(
            f"--index: expected 0 to {len(experiments) - 1} for {len(experiments)} runs, got {index}"
        )
    _claim_together(folder, experiment, grid)
    name = list(experiments)[index]
    finished = _is_finished(folder / name)
    if progress:
        print(f"run {index} of 0 to {len(experiments) - 1}, {name}{': finished before' if finished else ''}")
    if not finished:
        run(experiments[name], folder / name, progress=progress, figures=figures)
    return folder / name


def _claim_together(folder: Path, experiment: Experiment, grid: Grid) -> None:
    """Claim a folder in which other processes may do the same at this moment: wait for them, for some seconds."""
    for waited in range(_WAITS):
        try:
            with lock.locked(folder):
                return _claim(folder, experiment, grid)
        except lock.FolderInUse:
            if waited + 1 == _WAITS:
                raise
            time.sleep(_WAIT)
    return None


def _is_finished(folder: Path) -> bool:
    return folder.is_dir() and any(run.finished for run in find_runs([folder]).runs)


def _claim(folder: Path, experiment: Experiment, grid: Grid) -> None:
    """Write sweep.json into an empty folder, or check that it is the same sweep.

    Raises:
        ValueError: the folder holds another sweep or something else, or sweep.json is damaged.
    """
    file, choose = folder / FILE, "choose another folder, or remove it"
    recorded = json.loads(json.dumps({"grid": grid, "settings": to_dict(experiment)}))
    if not file.is_file():
        others = sorted(name for name in os.listdir(folder) if name != lock.FILE and not name.startswith("."))
        if others:
            what = "a run" if CONFIG in others else f"files of something else ({others[0]})"
            raise ValueError(f"{folder}: holds {what} and no sweep; {choose}")
        write_text(file, json.dumps(recorded, indent=1) + "\n")
        return
    try:
        found = read_json(file)
        settings, other_grid = found["settings"], _as_text(found["grid"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{file}: damaged ({error!r}); {choose}") from error
    if other_grid != _as_text(recorded["grid"]):
        raise ValueError(f"{folder}: holds another sweep, over {other_grid}; {choose}")
    if differing := differing_settings(from_dict(Experiment, settings, str(file)), experiment):
        raise ValueError(f"{folder}: holds another sweep ({differing}); {choose}")


def _as_text(grid: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={','.join(map(str, values))}" for key, values in grid.items())
