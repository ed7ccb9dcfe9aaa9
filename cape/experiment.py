"""An experiment: data, model and training as one configuration, and the run that follows from it."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from cape.config import load_json
from cape.data import Data, DataConfig, HeldOut, prepare, simulated, split
from cape.datasets.assignment import held_out_texts
from cape.datasets.bounded_text import read_json
from cape.datasets.checks import check_grid, check_values
from cape.datasets.initial_conditions import ConditionRecord
from cape.datasets.lock import locked
from cape.datasets.trajectories import Trajectories
from cape.evaluation.evaluate import evaluate
from cape.evaluation.evaluation import Evaluation
from cape.evaluation.files import write as write_evaluation
from cape.evaluation.parameter_use import warn_of_ignored_parameters
from cape.figures import style
from cape.figures.evaluation_figures import write_figures
from cape.figures.training_curves import write_training_curves
from cape.locate import locate
from cape.model.config import ModelConfig
from cape.pretrained import MODEL
from cape.surrogate import Surrogate
from cape.training import processes, tracker
from cape.training.automatic import AUTOMATIC_MODEL, AUTOMATIC_TRAINING
from cape.training.build import set_up
from cape.training.config import TrainingConfig
from cape.training.description import describe
from cape.training.fit import fit
from cape.training.run_folder import abandon, claim, facts, refuse_other
from cape.training.stages import first_stage, stage_of
from cape.training.start import StartConfig, fine_tuning, leave_out_known, record_of_start, settle


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The settings of a run. They are saved with it as `config.json`, and repeat a run whose data are files."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    start: StartConfig = StartConfig()

    @property
    def settled(self) -> "Experiment":
        """The experiment with the architecture of its start and the digest of its weights (see `settle`)."""
        if not self.start.model:
            return self
        start, model = settle(self.start, self.model)
        return dataclasses.replace(self, start=start, model=model)


def recorded_settings(folder: str | Path) -> Experiment | None:
    """Return the settings that a surrogate was trained with, or None if its folder does not record them.

    Args:
        folder: of the run, of its model, or of a published surrogate.

    Raises:
        ValueError: the file with the settings is damaged.
    """
    folder = Path(folder)
    run = folder.parent if folder.name == MODEL else folder
    for file in (run / "config.json", folder / "training.json"):
        try:
            complete = file.is_file() and "training" in read_json(file)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{file}: damaged ({error})") from error
        if complete:
            return load_json(Experiment, file)
    return None


def run(experiment: Experiment, folder: Path, *, progress: bool = True, figures: bool = True) -> Evaluation:
    """Train and evaluate an experiment in `folder`. A run that was stopped there continues.

    Writes config.json, split.json, metrics.jsonl, checkpoints/, model/ (see `cape.load`) and evaluation/.

    Warns:
        UserWarning: see `build`.
        ParametersIgnored: the surrogate hardly depends on its parameters.

    Raises:
        ValueError: the folder holds a run of another configuration or on other data; data and configuration do not
            fit; or the start has another architecture or does not fit the data.
        FolderInUse: another training is running in the folder.
        Diverged: the loss is not finite (see `fit`).
        ImportError: figures are asked for and matplotlib is not installed, or the package of a tracker is missing.
    """
    folder = Path(folder)
    if figures:
        style.require()  # before the training and not after it
    tracker.require(experiment.training.trackers)
    experiment = experiment.settled
    writes = processes.first()
    with locked(folder if writes else None):
        with processes.together():  # the first process simulates, and the others find its files
            if writes:
                refuse_other(experiment, folder)
                if not experiment.data.files:
                    simulated(experiment.data, progress=progress)
        with processes.together():
            data = prepare(experiment.data, progress=progress)
            data = leave_out_known(data, record_of_start(experiment.start))
        surrogate = train(experiment, data, folder, progress=progress)
        values = surrogate.problem.training_values
        evaluation = evaluate(surrogate.at, data.test, values, window=surrogate.window)
        if writes:
            write_evaluation(evaluation, folder / "evaluation")
        warn_of_ignored_parameters(surrogate, data.test)
        if figures and writes:
            write_figures(evaluation, folder / "evaluation")
            write_training_curves(folder)
        processes.wait()
        return evaluation


def train(
    experiment: Experiment, data: Data, folder: Path | None = None, *, progress: bool = True
) -> Surrogate:
    """Train the surrogate of an experiment on prepared data, in a folder if one is given.

    Warns:
        UserWarning: see `build`.

    Raises:
        ValueError: data and configuration do not fit, samples hold NaN or infinity (see `check_data`), or the folder
            holds another run (see `claim`).
        Diverged: the loss is not finite (see `fit`).
    """
    experiment = experiment.settled
    with processes.together():
        data = check_data(experiment, data)
        chosen, surrogate, notes = set_up(experiment, data.training)
        if chosen.start.model:
            before = surrogate.lineage or first_stage(recorded_settings(locate(chosen.start.model)))
            surrogate.lineage = (*before, stage_of(chosen, data.training))
    if progress:
        print("\n".join([describe(surrogate, data), *notes]))
    parts = (data.training, data.validation)
    if processes.count() > 1:
        processes.check_equal(facts(experiment, *parts))
    if folder is None:
        return fit(surrogate, *parts, chosen.training, progress=progress)
    writes = processes.first()
    with locked(folder if writes else None):
        with processes.together():
            if writes:
                claim(experiment, *parts, folder, record_of_start(experiment.start))
        try:
            return fit(surrogate, *parts, chosen.training, folder, progress=progress)
        except BaseException:
            if writes:
                abandon(folder)
            raise


def check_data(experiment: Experiment, data: Data) -> Data:
    """Check the grid and the values of all data of a run, so that it does not stop hours later.

    What a training keeps in memory anyway is returned in memory, so that it is read once. Streamed training data are
    checked when `build` computes their statistics, which reads all of them.

    Raises:
        ValueError: the grid is not uniform, or samples hold NaN or infinity; the message names the files.
    """
    check_grid(data.training)
    parts = vars(data).copy()
    if experiment.training.storage != "device":
        del parts["training"]
    if experiment.data.drop_nonfinite:  # and these have been left out already
        del parts["test"]
    return dataclasses.replace(data, **check_values(parts, kept=("training", "validation")))


def train_on(
    data: Trajectories,
    *,
    held_out: HeldOut | Sequence[Mapping[str, float]] = (),
    model: ModelConfig | None = None,
    training: TrainingConfig | None = None,
    members: int | None = None,
    start: str | Path | StartConfig | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    drop_nonfinite: bool = False,
    folder: str | Path | None = None,
    progress: bool = True,
) -> Surrogate:
    """Train a surrogate on trajectories; this is `cape.train`.

    The initial conditions are split into those to train on, to validate on and to test on. `cape.evaluate` leaves
    out the initial conditions that were trained or validated on. Called again with the same folder, data and settings,
    it continues a training that was stopped.

    Args:
        data: from `cape.open` or `cape.from_arrays`.
        held_out: parameter values never trained on, such as {"Nu": [0.01, 0.1]}, or for combinations of several
            parameters [{"M": 1, "eta": 0.1}].
        model: the architecture; None: chosen for the data, with an identified equation if there is one.
        training: how it is trained; None: chosen for the data.
        members: number of members of an ensemble (see `ModelConfig`); None: as in `model`, or 1.
        start: the surrogate whose weights the training starts from (see `StartConfig`): the folder of a run or of a
            pretrained surrogate, the name of a shipped one, or hf://OWNER/NAME. Its architecture is kept, so leave out
            `model`; without `training`, the settings of its own training are used (see `fine_tuning`).
        validation, test: fractions of the initial conditions for validation and for evaluation.
        drop_nonfinite: leave out samples with NaN or infinity instead of raising an error; a warning counts them.
        folder: where to write config.json, split.json, metrics.jsonl, checkpoints/ and model/; None: nothing is
            written.
        progress: show a progress bar.

    Warns:
        UserWarning: see `build`; or samples with NaN or infinity are left out.

    Raises:
        ValueError: data and settings do not fit, the grid is not uniform, samples hold NaN or infinity, or the folder
            holds a run of other settings or on other data.
        Diverged: the loss is not finite (see `cape.training.fit`).
    """
    config = DataConfig(
        files=data.fields.names,
        held_out=held_out_texts(held_out),
        validation=validation,
        test=test,
        drop_nonfinite=drop_nonfinite,
    )
    start = start if isinstance(start, StartConfig) else StartConfig(str(start or ""))
    if training is None:
        training = _training_from(start) if start.model else AUTOMATIC_TRAINING
    model = model or AUTOMATIC_MODEL
    model = model if members is None else dataclasses.replace(model, members=members)
    experiment = Experiment(config, model, training, start).settled
    record = record_of_start(start)
    parts = leave_out_known(split(data, config), record)
    surrogate = train(experiment, parts, None if folder is None else Path(folder), progress=progress)
    surrogate.trained_on = parts.trained_on
    surrogate.condition_record = ConditionRecord.of((parts.training, parts.validation), record)
    return surrogate


def _training_from(start: StartConfig) -> TrainingConfig:
    """Return the default settings of a training on other data that starts from a surrogate."""
    recorded = recorded_settings(locate(start.model))
    return fine_tuning(recorded.training if recorded else AUTOMATIC_TRAINING, new_data=True)
