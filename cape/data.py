"""The data of an experiment: files given or simulated, what is held out, and the split into three parts."""

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np

from cape.config import to_dict
from cape.datasets.assignment import assignments, numbers
from cape.datasets.equations.equation import find_equation
from cape.datasets.opening import open_files
from cape.datasets.simulate.simulation import MOST_SAMPLES, simulate
from cape.datasets.splits import SAME, InitialConditionSplit
from cape.datasets.trajectories import Trajectories

_MOST_SHOWN_VALUES = 12


@dataclasses.dataclass(frozen=True)
class SimulationConfig:
    """Data to simulate where no files are given.

    Attributes:
        equation: one of those that `cape simulate --help` lists.
        parameters: values by parameter, such as beta=0.2,0.4 (a file each), Nu=loguniform:1e-3:1 or
            Nu=uniform:0.1:4 (one value per sample); zeta=eta gives zeta the value of eta in every file and sample.
        samples: trajectories per value, or in all for a range.
        resolution: grid points per axis; 0: as is usual for the equation, and so for frames and t_end.
        frames: frames, the initial condition included.
        t_end: time of the last frame.
        own: how many trajectories of each value have initial conditions of their own. They are to train on; the
            others, with the same at every value, are for evaluation, in the place of a fraction `test`. 0: all have
            the same.
        seed: everything random follows from it.
    """

    equation: str = "burgers"
    parameters: tuple[str, ...] = ("Nu=0.01,0.1,1.0",)
    samples: int = 100
    resolution: int = 128
    frames: int = 41
    t_end: float = 2.0
    own: int = 0
    seed: int = 0

    @property
    def complete(self) -> "SimulationConfig":
        """The same with the equation's own sizes in the place of zeros."""
        equation = find_equation(self.equation)
        sizes = {
            name: getattr(self, name) or getattr(equation, name) for name in ("resolution", "frames", "t_end")
        }
        return dataclasses.replace(self, **sizes)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which trajectories are trained on, and which are kept for evaluation.

    Attributes:
        files: files or folders, given together; none: simulate.
        simulation: what to simulate where no files are given.
        folder: where simulated files are kept, to be used again.
        held_out: parameter values never trained on, such as Nu=0.01 or M=1,eta=0.1.
        samples: number of initial conditions to train, validate and test with; the others, if any, are for
            evaluation only. 0 for all.
        space_stride: use every n-th point of each axis.
        time_stride: use every n-th frame.
        validation: fraction of the initial conditions on which the best weights are chosen.
        test: fraction of the initial conditions kept for evaluation, with all held-out values.
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

    def __post_init__(self):
        for name, lowest in (("samples", 0), ("space_stride", 1), ("time_stride", 1), ("split_seed", 0)):
            if getattr(self, name) < lowest:
                raise ValueError(f"data.{name}: expected at least {lowest}, got {getattr(self, name)}")
        if not (self.validation > 0 and self.test >= 0 and self.validation + self.test < 1):
            raise ValueError(
                "data.validation, data.test: expected fractions with a sum below 1, some of it for validation, "
                f"got {self.validation} and {self.test}"
            )


@dataclasses.dataclass(frozen=True)
class Data:
    """The parts of an experiment's data. No initial condition of `training` or `validation` is in `test`.

    `test` holds seen and held-out parameter values alike.
    """

    training: Trajectories
    validation: Trajectories
    test: Trajectories


def prepare(config: DataConfig, *, progress: bool = True) -> Data:
    """Open (or simulate) the data of an experiment and split them; reads no field.

    Raises:
        ValueError: files that do not go together, or a split that leaves a part empty.
    """
    files = list(config.files) or [simulated(config, progress=progress)]
    everything = open_files(files).subsample(space=config.space_stride, time=config.time_stride)
    held_out = held_out_samples(config.held_out, everything)
    if held_out.all():
        raise ValueError(f"data.held_out: {' '.join(config.held_out)} leaves no sample to train on")
    starts, common = everything.initial_conditions, _common(config)
    chosen = np.setdiff1d(starts, common)[: config.samples or None]
    pool = everything.select(~held_out & np.isin(starts, chosen))
    split = InitialConditionSplit(config.validation, 0.0 if len(common) else config.test, config.split_seed)
    training, validation, _ = split.split(pool)
    if len(common):
        return Data(training, validation, everything.select(np.isin(starts, common)))
    known = np.union1d(training.initial_conditions, validation.initial_conditions)
    test = everything.select(~np.isin(starts, known))
    if not test.samples:
        raise ValueError(
            "data.test: no initial condition is left to evaluate on, expected a fraction above 0"
        )
    return Data(training, validation, test)


def _common(config: DataConfig) -> np.ndarray:
    """List the initial conditions that are for evaluation alone, since others were simulated to train on."""
    simulation = config.simulation
    if config.files or not simulation.own:
        return np.arange(0)
    return simulation.seed * MOST_SAMPLES + np.arange(simulation.samples - simulation.own)


def simulated(config: DataConfig, *, progress: bool = True) -> Path:
    """Simulate the files of a configuration, or find them where an earlier run left them; give their folder.

    The folder appears whole or not at all, also where two runs that need it start at the same time.
    """
    what = config.simulation.complete
    settings = json.dumps(to_dict(what), sort_keys=True)
    folder = Path(config.folder) / f"{what.equation}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"
    if folder.is_dir():
        return folder
    values = assignments(what.parameters, "data.simulation.parameters")
    sizes = {"samples": what.samples, "seed": what.seed, "resolution": what.resolution}
    sizes |= {"frames": what.frames, "t_end": what.t_end, "own": what.own}
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        simulate(what.equation, partial, values, **sizes, progress=progress)
        if not folder.is_dir():
            os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def held_out_samples(held_out: tuple[str, ...], trajectories: Trajectories) -> np.ndarray:
    """Mark the samples whose parameters equal (to relative 1e-6) one of the values held out.

    Raises:
        ValueError: a parameter is unknown, or there are values to hold out and no sample has any of them.
    """
    marked = np.zeros(trajectories.samples, bool)
    for text in held_out:
        equal = np.ones(trajectories.samples, bool)
        for name, value in numbers(text.split(","), "data.held_out").items():
            if name not in trajectories.parameter_names:
                names = ", ".join(trajectories.parameter_names)
                raise ValueError(f"data.held_out: no parameter {name!r}, the data have {names}")
            column = trajectories.parameters[:, trajectories.parameter_names.index(name)]
            equal &= np.isclose(column, value, rtol=SAME, atol=0.0)
        marked |= equal
    if held_out and not marked.any():
        raise ValueError(
            f"data.held_out: no sample has {' or '.join(held_out)}, the data have {value_list(trajectories)}; "
            "`--data.held-out` without values holds out none"
        )
    return marked


def value_list(trajectories: Trajectories) -> str:
    """Name the parameter values of trajectories, or their range where they are many."""
    described = []
    for name, column in zip(trajectories.parameter_names, trajectories.parameters.T, strict=True):
        values = np.unique(column)
        few = len(values) <= _MOST_SHOWN_VALUES
        shown = ", ".join(f"{v:g}" for v in values) if few else f"{values[0]:g} to {values[-1]:g}"
        described.append(f"{name} {shown}")
    return "; ".join(described)
