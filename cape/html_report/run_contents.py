"""What a report is made of: a surrogate, its settings, its errors, and what there is to warn of."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cape.data import DataConfig, prepare, simulation_folder
from cape.datasets.bounded_text import read_json
from cape.datasets.opening import find_files, open_files
from cape.datasets.trajectories import Trajectories
from cape.evaluation import files
from cape.evaluation.evaluation import Evaluation
from cape.evaluation.parameter_use import warn_of_ignored_parameters
from cape.experiment import Experiment, recorded_settings
from cape.locate import locate
from cape.out_of_distribution import rollout_warnings
from cape.pretrained import MODEL, load
from cape.report import Report, evaluate
from cape.runs.summary import read_summary
from cape.surrogate import Surrogate
from cape.training import log

EVALUATION, SAMPLE, CHECK = "evaluation", "sample.hdf5", "check.json"


@dataclass(frozen=True, eq=False)
class RunContents:
    """What a report shows.

    Attributes:
        name: of the run or of the pretrained surrogate.
        surrogate: the model.
        settings: of the training, or None if the folder does not have them.
        report: errors, with examples of truth and prediction if data were at hand.
        evaluated_on: where the errors come from, in one sentence.
        warnings: what a reader has to know, one sentence each.
    """

    name: str
    surrogate: Surrogate
    settings: Experiment | None
    report: Report
    evaluated_on: str
    warnings: tuple[str, ...]

    @property
    def evaluation(self) -> Evaluation:
        return self.report.evaluation


def collect(
    run: str | Path, data: Sequence[str] = (), *, trusted: bool = False, protocols: bool = False
) -> RunContents:
    """Load a surrogate and evaluate it.

    Without `data`, the surrogate is evaluated on the test data of its run if they are still there, else on the sample
    of its published folder. If there are neither, the stored evaluation of the run is read, which has no fields.

    Args:
        run: whatever `cape.load` takes.
        data: files or folders to evaluate on.
        trusted: the files are the user's own (see `open_files`).
        protocols: also run the protocols of `cape.evaluation.protocols`.

    Raises:
        ValueError: the surrogate cannot be loaded, the data do not fit it, or there is nothing to evaluate on.
    """
    model = locate(run)
    folder = model.parent if model.name == MODEL and (model.parent / "config.json").is_file() else model
    surrogate, settings = load(run), recorded_settings(folder)
    notes = list(_unfinished(folder))
    trajectories: Trajectories | None
    if data:
        trajectories, where = open_files(list(data), trusted=trusted), _names(data)
    else:
        trajectories, where = _data_of(folder, settings)
    if trajectories is None:
        report = Report(_stored(folder))
        notes.append(
            "The data of the run are not on this machine: errors are those of its stored evaluation, and there are no "
            "fields to show. Give data to see them."
        )
        where = f"the stored evaluation in {EVALUATION}/"
    else:
        report = evaluate(surrogate, trajectories, protocols=protocols)
    notes += _warnings(folder, surrogate, report)
    name = folder.resolve().name
    return RunContents(name, surrogate, settings, report, f"Evaluated on {where}.", tuple(notes))


def _names(paths: Sequence[str]) -> str:
    """Name files without their folders: a report may be sent to others."""
    names = [path.name for path in find_files(list(paths))]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")


def _data_of(folder: Path, settings: Experiment | None) -> tuple[Trajectories | None, str]:
    """Return the test data of a run, or the sample of a published folder, or None if there are neither."""
    if (folder / SAMPLE).is_file():
        return open_files(folder / SAMPLE), f"the sample of {folder.name}, {SAMPLE}"
    if settings is not None and _has_data(settings.data):
        return prepare(settings.data, progress=False).test, "the test data of the run"
    return None, ""


def _has_data(config: DataConfig) -> bool:
    if not config.files:
        return simulation_folder(config).is_dir()
    return all(Path(name).exists() for name in config.files)


def _stored(folder: Path) -> Evaluation:
    if not (folder / EVALUATION / "evaluation.json").is_file():
        raise ValueError(
            f"{folder}: the run was not evaluated, and its data are not on this machine; give data to evaluate it on"
        )
    return files.read(folder / EVALUATION)


def _unfinished(folder: Path) -> Sequence[str]:
    """Say if the training of a run has not reached its end: then there is no evaluation in its folder."""
    if not (folder / log.FILE).is_file() or (folder / EVALUATION).is_dir():
        return ()
    run = read_summary(folder)
    planned = f" of {run.all_epochs}" if run.all_epochs else ""
    done = f"{run.epochs}{planned} epochs" if run.epochs else "no epoch"
    return (
        f"The training is not finished ({done} so far): these are the errors of its best weights so far.",
    )


def _warnings(folder: Path, surrogate: Surrogate, report: Report) -> list[str]:
    """Return sentences about parameters that are ignored, rollouts outside the training data, and divergence."""
    found = _parameter_use(folder, surrogate, report.data)
    evaluation, problem = report.evaluation, surrogate.problem
    steps, finest = len(evaluation.times), surrogate.config.base.finest_grid
    resolution = problem.resolution if report.data is None else report.data.resolution
    values = [[row.parameters[name] for name in problem.parameters] for row in evaluation.rows]
    parameters = np.asarray(values, np.float64).reshape(len(values), len(problem.parameters))
    found += map(
        str, rollout_warnings(problem, parameters, resolution, steps, finest, surrogate.trained_steps)
    )
    lost, samples = (sum(getattr(row, what) for row in evaluation.rows) for what in ("diverged", "samples"))
    return found + ([f"{lost} of {samples} rollouts diverged: their errors are infinite."] if lost else [])


def _parameter_use(folder: Path, surrogate: Surrogate, data: Trajectories | None) -> list[str]:
    """Return a warning of parameters that hardly matter, from check.json or else from a few rollouts."""
    file = folder / CHECK
    if file.is_file():
        check = read_json(file)
        if not isinstance(check, dict) or not isinstance(check.get("verdict"), str):
            raise ValueError(f"{file}: damaged; run the check again, or remove the file")
        return [check["verdict"]] if check.get("obeys") is False else []
    if data is None:
        return []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_ignored_parameters(surrogate, data)
    return [str(warning.message) for warning in caught]
