"""An experiment: data, model and training as one configuration, and the run that follows from it."""

import dataclasses
import json
import os
import shutil
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from cape.config import differences, load_json, to_dict
from cape.data import Data, DataConfig, prepare, value_list
from cape.datasets.trajectories import Trajectories
from cape.evaluation.files import write as write_evaluation
from cape.evaluation.evaluate import evaluate
from cape.evaluation.evaluation import Evaluation
from cape.figures import canvas
from cape.figures import evaluation_figures as plots
from cape.model.config import ModelConfig, PaperFNO
from cape.problem import Problem
from cape.surrogate import Surrogate, count_parameters
from cape.training import log as records
from cape.training.fit import TrainingConfig, fit
from cape.training.position_dependence import places_differ


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Everything a run follows from; saved with it as `config.json`, and enough to repeat it."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()


def run(experiment: Experiment, folder: Path, *, progress: bool = True, figures: bool = True) -> Evaluation:
    """Train and evaluate an experiment in `folder`; a run that was stopped there goes on where it was.

    Writes config.json, metrics.jsonl, checkpoints/, model/ (see `cape.load`) and evaluation/.

    Raises:
        ValueError: the folder holds a run of another configuration, or data and configuration do not fit.
    """
    folder = Path(folder)
    if figures:
        canvas.require()  # before the training, not after it
    refuse_other(experiment, folder)
    data = prepare(experiment.data, progress=progress)
    surrogate = build(experiment, data.training)
    if progress:
        print(describe(surrogate, data))
    claim(experiment, data, folder)
    try:
        surrogate = fit(
            surrogate, data.training, data.validation, experiment.training, folder, progress=progress
        )
    except BaseException:
        abandon(folder)
        raise
    values, window = surrogate.problem.training_values, surrogate.window
    evaluation = evaluate(surrogate.at, data.test, values, window=window)
    write_evaluation(evaluation, folder / "evaluation")
    if figures:
        plots.write_figures(evaluation, folder / "evaluation")
        plots.training_curves(records.read(folder / "metrics.jsonl"), folder / "evaluation" / "training.png")
    return evaluation


def build(experiment: Experiment, training: Trajectories) -> Surrogate:
    """Build the untrained surrogate for training data, from the experiment's seed.

    Raises:
        ValueError: the model is conditioned on parameters of which none varies in the training data, or does
            not fit their grid, or a batch asks for more trajectories than there are.
    """
    if experiment.training.batch > training.samples:
        raise ValueError(
            f"training.batch: expected at most the {training.samples} trajectories to train on, got "
            f"{experiment.training.batch}"
        )
    problem = Problem.of(training)
    constant = [
        name for name, a, b in zip(problem.parameters, problem.low, problem.high, strict=True) if a == b
    ]
    if len(constant) == len(problem.parameters) and experiment.model.conditioned:
        raise ValueError(
            f"no parameter varies in the training data ({', '.join(constant) or 'none is named'}): a model conditioned "
            "on them would learn nothing from them; give files with several values, or use model.conditioning:unaware"
        )
    surrogate = Surrogate(problem, experiment.model, rngs=nnx.Rngs(experiment.training.seed))
    channels = surrogate.window.history * len(problem.channels)
    u = jax.ShapeDtypeStruct((1, *problem.resolution, channels), jnp.float32)
    p = jax.ShapeDtypeStruct((1, len(problem.parameters)), jnp.float32)
    jax.eval_shape(lambda u, p: surrogate.at(p)(u), u, p)  # finds what does not fit before a file is written
    if places_differ(training) and not (
        experiment.model.place or isinstance(experiment.model.base, PaperFNO)
    ):
        warnings.warn(
            "the mean over the training trajectories comes to depend on the place, as under a force that does; set "
            "model.place = true, or all places are alike to the model",
            stacklevel=2,
        )
    modes, most = getattr(experiment.model.base, "modes", 0), max(problem.resolution) // 2 + 1
    if modes > most:
        warnings.warn(
            f"model.base.modes = {modes}: a grid of {max(problem.resolution)} points has {most} modes, weights "
            "of the others stay untrained",
            stacklevel=2,
        )
    return surrogate


def refuse_other(experiment: Experiment, folder: Path) -> None:
    """Raise ValueError where a folder holds a run of another configuration that has trained an epoch or more."""
    file = folder / "config.json"
    if not (file.exists() and _has_trained(folder)):
        return
    differing = differences(load_json(Experiment, file), experiment)
    if differing:
        shown = ", ".join(differing[:3]) + (f" and {len(differing) - 3} more" if differing[3:] else "")
        raise ValueError(
            f"{folder}: holds a run of another configuration ({shown}); choose another --out, or remove it"
        )


def claim(experiment: Experiment, data: Data, folder: Path) -> None:
    """Write what a run follows from into its folder: config.json, and split.json (see `trained_on`).

    Raises:
        ValueError: see `refuse_other`.
    """
    refuse_other(experiment, folder)
    folder.mkdir(parents=True, exist_ok=True)
    ids = {"training": data.training.initial_conditions, "validation": data.validation.initial_conditions}
    split = {name: np.unique(numbers).tolist() for name, numbers in ids.items()}
    for name, content in (("split.json", split), ("config.json", to_dict(experiment))):
        partial = folder / (name + ".part")
        partial.write_text(json.dumps(content, indent=1 if name == "config.json" else None) + "\n")
        os.replace(partial, folder / name)


def abandon(folder: Path) -> None:
    """Take away what a run wrote into its folder, if it stopped before its first checkpoint."""
    if _has_trained(folder):
        return
    for name in ("config.json", "split.json", "metrics.jsonl"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def trained_on(folder: Path) -> np.ndarray | None:
    """Give the initial conditions a run was trained or validated on; None for a folder that does not tell.

    Raises:
        ValueError: split.json is damaged.
    """
    file = Path(folder) / "split.json"
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text())
        return np.union1d(content["training"], content["validation"]).astype(np.int64)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file}: expected lists `training` and `validation` ({error!r})") from error


def describe(surrogate: Surrogate, data: Data) -> str:
    """Summarise an experiment in a few lines."""
    problem = surrogate.problem
    grid = " x ".join(map(str, problem.resolution))
    config = surrogate.config
    kept = [name for name, is_kept in zip(problem.channels, surrogate.conserved, strict=True) if is_kept]
    return (
        f"{problem.equation}: {', '.join(problem.channels)} on {grid} points, {problem.steps} steps of "
        f"{problem.dt:.4g}\n"
        f"train      {data.training.samples:5} trajectories, {value_list(data.training)}\n"
        f"validate   {data.validation.samples:5}\n"
        f"evaluate   {data.test.samples:5}, {value_list(data.test)}\n"
        f"{type(config.conditioning).__name__} around {type(config.base).__name__}: "
        f"{count_parameters(surrogate):,} parameters to train"
        + (f"; {config.history} frames in, {config.bundle} out in a step" if config.history > 1 else "")
        + (f"; the mean of {', '.join(kept)} is conserved, as in the training data" if kept else "")
    )


def _has_trained(folder: Path) -> bool:
    return any(path.name.isdigit() for path in folder.glob("checkpoints/*"))
