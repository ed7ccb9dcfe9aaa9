"""An experiment: data, model and training as one configuration, and the run that follows from it."""

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
from flax import nnx

from cape import canvas, plots, records, report
from cape.config import load_json, to_dict
from cape.datasets.opening import open_files
from cape.datasets.simulate.simulation import simulate
from cape.datasets.splits import InitialConditionSplit
from cape.datasets.trajectories import Trajectories
from cape.evaluation import Evaluation, evaluate
from cape.models import ModelConfig
from cape.problem import Problem
from cape.surrogate import Surrogate, count_parameters
from cape.training import TrainingConfig, fit


@dataclasses.dataclass(frozen=True)
class SimulationConfig:
    """Data to simulate where no files are given.

    Attributes:
        equation: advection, burgers or reaction-diffusion.
        parameters: values by parameter, such as "beta=0.2,0.4" (a file each), "Nu=loguniform:1e-3:1" or
            "Nu=uniform:0.1:4" (one value per sample).
        samples: trajectories per value, or in all for a range.
        resolution, frames, t_end, seed: grid points, frames, time of the last frame, random seed.
    """

    equation: str = "burgers"
    parameters: tuple[str, ...] = ("Nu=0.01,0.1,1.0",)
    samples: int = 100
    resolution: int = 128
    frames: int = 41
    t_end: float = 2.0
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which trajectories are trained on, and which are kept for evaluation.

    Attributes:
        files: files or folders, given together; empty: simulate.
        simulation: what to simulate where no files are given.
        folder: where simulated files are kept, to be used again.
        held_out: parameter values never trained on, such as "Nu=0.01" or "M=1,eta=0.1".
        samples: number of initial conditions to train, validate and test with; the others, if any, are for
            evaluation only. 0 for all.
        space_stride, time_stride: use every n-th point of each axis, every n-th frame.
        validation, test: fractions of the initial conditions.
        split_seed: of the split by initial condition.
    """

    files: tuple[str, ...] = ()
    simulation: SimulationConfig = SimulationConfig()
    folder: str = "data"
    held_out: tuple[str, ...] = ()
    samples: int = 0
    space_stride: int = 1
    time_stride: int = 1
    validation: float = 0.1
    test: float = 0.1
    split_seed: int = 0


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Everything a run follows from; saved with it as `config.json`, and enough to repeat it."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()


@dataclasses.dataclass(frozen=True)
class Data:
    """The parts of an experiment's data. No initial condition of `training` or `validation` is in `test`.

    `test` holds seen and held-out parameter values alike.
    """

    training: Trajectories
    validation: Trajectories
    test: Trajectories


def run(experiment: Experiment, folder: Path, *, progress: bool = True, figures: bool = True) -> Evaluation:
    """Train and evaluate an experiment in `folder`; a run that was stopped there goes on where it was.

    Writes config.json, metrics.jsonl, checkpoints/, model/ (see `cape.load`) and evaluation/.

    Raises:
        ValueError: the folder holds a run of another configuration, or data and configuration do not fit.
    """
    folder = Path(folder)
    if figures:
        canvas.require()  # before the training, not after it
    data = prepare(experiment.data, progress=progress)
    surrogate = build(experiment, data.training)
    claim(experiment, folder)
    if progress:
        print(describe(surrogate, data))
    surrogate = fit(surrogate, data.training, data.validation, experiment.training, folder, progress=progress)
    evaluation = evaluate(surrogate.at, data.test, surrogate.problem.training_values)
    report.write(evaluation, folder / "evaluation")
    if figures:
        plots.write_figures(evaluation, folder / "evaluation")
        plots.training_curves(records.read(folder / "metrics.jsonl"), folder / "evaluation" / "training.png")
    return evaluation


def prepare(config: DataConfig, *, progress: bool = True) -> Data:
    """Open (or simulate) the data of an experiment and split them; reads no field.

    Raises:
        ValueError: files that do not go together, or a split that leaves a part empty.
    """
    files = list(config.files) or [simulated(config, progress=progress)]
    everything = open_files(files).subsample(space=config.space_stride, time=config.time_stride)
    held_out = held_out_samples(config.held_out, everything)
    if held_out.all():
        raise ValueError(f"data.held_out: {config.held_out} leaves no sample to train on")
    conditions = np.unique(everything.initial_conditions)
    chosen = conditions[: config.samples or None]
    pool = everything.select(np.flatnonzero(~held_out & np.isin(everything.initial_conditions, chosen)))
    split = InitialConditionSplit(config.validation, config.test, config.split_seed)
    training, validation, _ = split.split(pool)
    known = np.union1d(training.initial_conditions, validation.initial_conditions)
    test = everything.select(np.flatnonzero(~np.isin(everything.initial_conditions, known)))
    return Data(training, validation, test)


def simulated(config: DataConfig, *, progress: bool = True) -> Path:
    """Simulate the files of a configuration, or find them where an earlier run left them; give their folder."""
    what = config.simulation
    settings = json.dumps(to_dict(what), sort_keys=True)
    folder = Path(config.folder) / f"{what.equation}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"
    if folder.is_dir():
        return folder
    partial = folder.with_name(folder.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    values = dict(assignment(text, "data.simulation.parameters") for text in what.parameters)
    sizes = {"samples": what.samples, "seed": what.seed, "resolution": what.resolution}
    sizes |= {"frames": what.frames, "t_end": what.t_end}
    try:
        simulate(what.equation, partial, values, **sizes, progress=progress)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def assignment(text: str, where: str) -> tuple[str, str]:
    """Split "name=values" into both. Raises ValueError for anything else."""
    name, equals, values = text.partition("=")
    if not equals or not name.strip() or not values.strip():
        raise ValueError(f"{where}: expected NAME=VALUE, such as Nu=0.01, got {text!r}")
    return name.strip(), values.strip()


def number(text: str, where: str) -> float:
    """Read a number. Raises ValueError for anything else."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{where}: expected a number, got {text!r}") from None


def held_out_samples(held_out: tuple[str, ...], trajectories: Trajectories) -> np.ndarray:
    """Mark the samples whose parameters equal (to relative 1e-6) one of the values held out."""
    marked = np.zeros(trajectories.samples, bool)
    for text in held_out:
        equal = np.ones(trajectories.samples, bool)
        for part in text.split(","):
            name, value = assignment(part, "data.held_out")
            if name not in trajectories.parameter_names:
                raise ValueError(
                    f"data.held_out: no parameter {name!r}, the data have {trajectories.parameter_names}"
                )
            column = trajectories.parameters[:, trajectories.parameter_names.index(name)]
            equal &= np.isclose(column, number(value, "data.held_out"), rtol=1e-6, atol=0.0)
        marked |= equal
    return marked


def build(experiment: Experiment, training: Trajectories) -> Surrogate:
    """Build the untrained surrogate for training data, from the experiment's seed.

    Raises:
        ValueError: the model is conditioned on parameters of which none varies in the training data.
    """
    problem = Problem.of(training, training.read())
    constant = [
        name for name, a, b in zip(problem.parameters, problem.low, problem.high, strict=True) if a == b
    ]
    if len(constant) == len(problem.parameters) and experiment.model.conditioned:
        raise ValueError(
            f"no parameter varies in the training data ({', '.join(constant) or 'none is named'}): a model conditioned "
            "on them would learn nothing from them; give files with several values, or use model.conditioning:unaware"
        )
    return Surrogate(problem, experiment.model, rngs=nnx.Rngs(experiment.training.seed))


def claim(experiment: Experiment, folder: Path) -> None:
    """Write config.json into a run's folder, or check that the run there is of the same experiment."""
    file = folder / "config.json"
    if file.exists():
        if load_json(Experiment, file) != experiment:
            raise ValueError(
                f"{folder}: holds a run of another configuration ({file}); choose another --out, or remove it"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".part")
    partial.write_text(json.dumps(to_dict(experiment), indent=1) + "\n")
    os.replace(partial, file)


def describe(surrogate: Surrogate, data: Data) -> str:
    """Summarise an experiment in a few lines."""
    problem = surrogate.problem
    ranges = ", ".join(
        f"{name} {low:g} to {high:g}"
        for name, low, high in zip(problem.parameters, problem.low, problem.high, strict=True)
    )
    grid = " x ".join(map(str, problem.resolution))
    config = surrogate.config
    return (
        f"{problem.equation}: {', '.join(problem.channels)} on {grid} points, dt {problem.dt:.4g}, "
        f"{problem.steps} steps; {ranges}\n"
        f"{data.training.samples} trajectories to train on, {data.validation.samples} to validate, "
        f"{data.test.samples} to evaluate\n"
        f"{type(config.conditioning).__name__} around {type(config.base).__name__}, "
        f"{count_parameters(surrogate):,} parameters"
    )
