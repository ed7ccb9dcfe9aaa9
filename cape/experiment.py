"""An experiment: data, model and training as one configuration, and the run that follows from it."""

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
from flax import nnx

from cape.data import Data, DataConfig, HeldOut, prepare, split
from cape.datasets.checks import check_grid, check_values
from cape.datasets.lock import locked
from cape.datasets.trajectories import Trajectories
from cape.evaluation.evaluate import evaluate
from cape.evaluation.evaluation import Evaluation
from cape.evaluation.files import write as write_evaluation
from cape.evaluation.parameter_use import warn_of_ignored_parameters
from cape.figures import style
from cape.figures.evaluation_figures import write_figures
from cape.figures.training_curves import write_training_curves
from cape.identification.identify import identify
from cape.model.config import ModelConfig
from cape.problem import Problem
from cape.surrogate import Surrogate
from cape.training import tracker
from cape.training.automatic import AUTOMATIC_MODEL, AUTOMATIC_TRAINING, automatic
from cape.training.config import TrainingConfig
from cape.training.description import describe
from cape.training.fit import fit
from cape.training.position_dependence import depends_on_position
from cape.training.run_folder import abandon, claim, refuse_other


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The settings of a run. They are saved with it as `config.json`, and repeat a run whose data are files."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()


def run(experiment: Experiment, folder: Path, *, progress: bool = True, figures: bool = True) -> Evaluation:
    """Train and evaluate an experiment in `folder`. A run that was stopped there continues.

    Writes config.json, split.json, metrics.jsonl, checkpoints/, model/ (see `cape.load`) and evaluation/.

    Warns:
        UserWarning: see `build`.
        ParametersIgnored: the surrogate hardly depends on its parameters.

    Raises:
        ValueError: the folder holds a run of another configuration or on other data, or data and configuration do not
            fit.
        FolderInUse: another training is running in the folder.
        Diverged: the loss is not finite (see `fit`).
        ImportError: figures are asked for and matplotlib is not installed, or the package of a tracker is missing.
    """
    folder = Path(folder)
    if figures:
        style.require()  # before the training and not after it
    tracker.require(experiment.training.trackers)
    with locked(folder):
        refuse_other(experiment, folder)
        data = prepare(experiment.data, progress=progress)
        surrogate = train(experiment, data, folder, progress=progress)
        values = surrogate.problem.training_values
        evaluation = evaluate(surrogate.at, data.test, values, window=surrogate.window)
        write_evaluation(evaluation, folder / "evaluation")
        warn_of_ignored_parameters(surrogate, data.test)
        if figures:
            write_figures(evaluation, folder / "evaluation")
            write_training_curves(folder)
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
    data = check_data(experiment, data)
    model, training, notes = automatic(experiment.model, experiment.training, data.training)
    chosen = dataclasses.replace(experiment, model=model, training=training)
    surrogate = build(chosen, data.training)
    if progress:
        print("\n".join([describe(surrogate, data), *notes]))
    parts = (data.training, data.validation)
    if folder is None:
        return fit(surrogate, *parts, chosen.training, progress=progress)
    with locked(folder):
        claim(experiment, *parts, folder)
        try:
            return fit(surrogate, *parts, chosen.training, folder, progress=progress)
        except BaseException:
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


def build(experiment: Experiment, training: Trajectories) -> Surrogate:
    """Build the untrained surrogate for training data, from the experiment's seed.

    Warns:
        UserWarning: a setting wastes something on this grid, or the data depend on the position and the model does not.

    Raises:
        ValueError: a batch asks for more trajectories than there are, the model is conditioned on parameters of which
            none varies in the training data, or the model does not fit their grid.
    """
    if experiment.training.batch > training.samples:
        raise ValueError(
            f"training.batch: expected at most the {training.samples} trajectories to train on, got "
            f"{experiment.training.batch}"
        )
    model, problem = experiment.model, Problem.of(training)
    varies = any(low != high for low, high in zip(problem.low, problem.high, strict=True))
    if model.conditioning.uses_parameters and not varies:
        raise ValueError(
            f"no parameter varies in the training data ({', '.join(problem.parameters) or 'none is named'}), so a "
            "model conditioned on them would learn nothing from them; give files with several values, or use the "
            "conditioning 'unconditioned'"
        )
    steps_of_one_frame = model.history == model.bundle == 1
    equation = identify(training, problem) if model.identify and steps_of_one_frame else None
    surrogate = Surrogate(problem, model, equation=equation, rngs=nnx.Rngs(experiment.training.seed))
    channels = surrogate.window.history * len(problem.channels)
    u = jax.ShapeDtypeStruct((1, *problem.resolution, channels), jnp.float32)
    p = jax.ShapeDtypeStruct((1, len(problem.parameters)), jnp.float32)
    jax.eval_shape(lambda u, p: surrogate.at(p)(u), u, p)  # raises what does not fit before a file is written
    for text in model.base.warnings(problem.domain):
        warnings.warn(text, stacklevel=2)
    if not (model.position_channels or model.base.sees_position) and depends_on_position(training):
        warnings.warn(
            "the mean over the training trajectories comes to depend on the position, as it does under a force that "
            "depends on the position; set model.position_channels = true, else the model cannot learn it",
            stacklevel=2,
        )
    return surrogate


def train_on(
    data: Trajectories,
    *,
    held_out: HeldOut | Sequence[Mapping[str, float]] = (),
    model: ModelConfig | None = None,
    training: TrainingConfig | None = None,
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
        held_out=_held_out_texts(held_out),
        validation=validation,
        test=test,
        drop_nonfinite=drop_nonfinite,
    )
    parts = split(data, config)
    experiment = Experiment(config, model or AUTOMATIC_MODEL, training or AUTOMATIC_TRAINING)
    where = None if folder is None else Path(folder)
    surrogate = train(experiment, parts, where, progress=progress)
    surrogate.trained_on, surrogate.condition_record = parts.trained_on, parts.record
    return surrogate


def _held_out_texts(held_out: HeldOut | Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    """Convert held-out values to the form of `DataConfig.held_out`."""
    if isinstance(held_out, Mapping):
        values = {name: [v] if isinstance(v, int | float) else v for name, v in held_out.items()}
        return tuple(f"{name}={float(value)!r}" for name, column in values.items() for value in column)
    return tuple(
        ",".join(f"{name}={float(value)!r}" for name, value in combination.items())
        for combination in held_out
    )
