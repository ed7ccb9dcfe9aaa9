"""The data of an experiment: files or a simulation, held-out parameter values, and the split into three parts."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cape.atomic import remove_leftovers, replacing
from cape.config import to_dict
from cape.datasets.assignment import assignments, numbers
from cape.datasets.checks import drop_nonfinite
from cape.datasets.equations.equation import find_equation
from cape.datasets.initial_conditions import number_by_content
from cape.datasets.opening import open_files
from cape.datasets.simulate.simulation import MOST_SAMPLES, simulate
from cape.datasets.splits import SAME, InitialConditionSplit
from cape.datasets.trajectories import Trajectories
from cape.datasets.value_list import value_list

HeldOut = Mapping[str, float | Sequence[float]]


@dataclasses.dataclass(frozen=True)
class SimulationConfig:
    """The data to simulate if no files are given.

    Attributes:
        equation: an equation that `cape simulate --help` lists.
        parameters: values by parameter, such as beta=0.2,0.4 (one file for each), Nu=loguniform:1e-3:1 or
            Nu=uniform:0.1:4 (one value per sample); zeta=eta gives zeta the value of eta in every file and sample.
        samples: trajectories per value, or in total for a range.
        resolution: grid points per axis; 0: the default of the equation.
        frames: number of frames, the initial condition included; 0: the default of the equation.
        t_end: time of the last frame; 0: the default of the equation.
        unshared: how many trajectories of each value have initial conditions that no other value has. Only these are
            trained and validated on; the others are for evaluation, and `DataConfig.test` is not used. 0: all values
            share their initial conditions.
        seed: of everything random.
    """

    equation: str = "burgers"
    parameters: tuple[str, ...] = ("Nu=0.01,0.1,1.0",)
    samples: int = 100
    resolution: int = 128
    frames: int = 41
    t_end: float = 2.0
    unshared: int = 0
    seed: int = 0

    @property
    def complete(self) -> "SimulationConfig":
        """A copy with the defaults of the equation in place of zeros."""
        equation = find_equation(self.equation)
        return dataclasses.replace(
            self,
            resolution=self.resolution or equation.resolution,
            frames=self.frames or equation.frames,
            t_end=self.t_end or equation.t_end,
        )


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which trajectories are trained on, and which are kept for evaluation.

    Attributes:
        files: files or folders, opened together; none: simulate.
        simulation: what to simulate if no files are given.
        folder: where simulated files are kept, to be used again.
        held_out: parameter values never trained on, such as Nu=0.01 or M=1,eta=0.1.
        samples: number of initial conditions that are split by `validation` and `test`; 0: all. All others are for
            evaluation.
        space_stride: use every n-th point of each axis.
        time_stride: use every n-th frame.
        validation: fraction of the initial conditions that the best weights are chosen on.
        test: fraction of the initial conditions kept for evaluation, at all values, held-out ones included.
        split_seed: of the split by initial condition.
        drop_nonfinite: leave out samples with NaN or infinity, with a warning that counts them. Without it, such
            samples stop the training before it starts.
        trusted: the files are the user's own. Their data may then lie outside their folders (see `open_files`).

    Raises:
        ValueError: a number is out of range.
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
    drop_nonfinite: bool = False
    trusted: bool = False

    def __post_init__(self):
        for name, least in (("samples", 0), ("space_stride", 1), ("time_stride", 1), ("split_seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"data.{name}: expected at least {least}, got {getattr(self, name)}")
        if not (self.validation > 0 and self.test >= 0 and self.validation + self.test < 1):
            raise ValueError(
                "data.validation, data.test: expected fractions with a sum below 1 and a validation fraction above 0, "
                f"got {self.validation} and {self.test}"
            )


@dataclasses.dataclass(frozen=True)
class Data:
    """The parts of an experiment's data. No initial condition of `training` or `validation` is in `test`.

    `test` holds trained and held-out parameter values.
    """

    training: Trajectories
    validation: Trajectories
    test: Trajectories

    @property
    def trained_on(self) -> tuple[int, ...]:
        """The numbers of the initial conditions used for training or validation."""
        known = np.union1d(self.training.initial_conditions, self.validation.initial_conditions)
        return tuple(map(int, known))


def prepare(config: DataConfig, *, progress: bool = True) -> Data:
    """Open (or simulate) the data of an experiment and split them (see `split`).

    Raises:
        ValueError: the files do not fit together, or a part of the split is empty.
    """
    files = config.files or (str(simulated(config, progress=progress)),)
    return split(open_files(files, trusted=config.trusted), config)


def split(everything: Trajectories, config: DataConfig) -> Data:
    """Split trajectories as a configuration says.

    Reads the first frames (see `number_by_content`), and everything if samples with NaN are to be left out.

    Warns:
        UserWarning: samples with NaN or infinity are left out.

    Raises:
        ValueError: a held-out value is not in the data, or a part of the split is empty.
    """
    data = _split(everything, config)
    return Data(**drop_nonfinite(vars(data))) if config.drop_nonfinite else data


def _split(everything: Trajectories, config: DataConfig) -> Data:
    """Split trajectories, samples with NaN included."""
    everything = everything.subsample(space=config.space_stride, time=config.time_stride)
    held_out = held_out_samples(config.held_out, everything)
    if held_out.all():
        raise ValueError(f"data.held_out: {' '.join(config.held_out)} leaves no sample to train on")
    shared = _shared_conditions(config)
    everything = everything if len(shared) else number_by_content(everything)
    conditions = everything.initial_conditions
    chosen = np.setdiff1d(conditions, shared)[: config.samples or None]
    pool = everything.select(~held_out & np.isin(conditions, chosen))
    test = 0.0 if len(shared) else config.test
    training, validation, _ = InitialConditionSplit(config.validation, test, config.split_seed).split(pool)
    if len(shared):
        return Data(training, validation, everything.select(np.isin(conditions, shared)))
    data = Data(training, validation, everything)
    data = dataclasses.replace(data, test=everything.select(~np.isin(conditions, data.trained_on)))
    if not data.test.samples:
        raise ValueError(
            "data.test: no initial condition is left for evaluation, expected a fraction above 0"
        )
    return data


def _shared_conditions(config: DataConfig) -> np.ndarray:
    """Return the shared initial conditions of a simulation, which are for evaluation only if others are unshared."""
    simulation = config.simulation
    if config.files or not simulation.unshared:
        return np.arange(0)
    return simulation.seed * MOST_SAMPLES + np.arange(simulation.samples - simulation.unshared)


def simulated(config: DataConfig, *, progress: bool = True) -> Path:
    """Simulate the files of a configuration unless an earlier run left them, and return their folder.

    The folder appears atomically, also if two runs that need it start at the same time.
    """
    what, folder = config.simulation.complete, simulation_folder(config)
    remove_leftovers(config.folder)
    if folder.is_dir():
        return folder
    values = assignments(what.parameters, "data.simulation.parameters")
    with replacing(folder, keep_existing=True) as temporary:
        simulate(
            what.equation,
            temporary,
            values,
            samples=what.samples,
            unshared=what.unshared,
            seed=what.seed,
            resolution=what.resolution,
            frames=what.frames,
            t_end=what.t_end,
            progress=progress,
        )
    return folder


def simulation_folder(config: DataConfig) -> Path:
    """Return the folder where `simulated` keeps the files of a configuration. It need not exist."""
    what = config.simulation.complete
    settings = json.dumps(to_dict(what), sort_keys=True)
    return Path(config.folder) / f"{what.equation}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"


def held_out_samples(held_out: Sequence[str], trajectories: Trajectories) -> np.ndarray:
    """Mark the samples whose parameters equal (to relative 1e-6) one of the held-out values.

    Raises:
        ValueError: a parameter is unknown, or values are held out and no sample has any of them.
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
            "an empty list holds out nothing"
        )
    return marked
